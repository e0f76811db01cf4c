package openjd

// Environment is what is set up on a host before tasks run and torn down after them (§4).
type Environment struct {
	Name        string                  `json:"name"`
	Description string                  `json:"description,omitempty"`
	Script      *EnvironmentScript      `json:"script,omitempty"`
	Variables   map[string]FormatString `json:"variables,omitempty"`
}

// EnvironmentScript holds an environment's actions and files (§4.2).
type EnvironmentScript struct {
	Let     []LetBinding       `json:"let,omitempty"`
	Actions EnvironmentActions `json:"actions"`
	Files   []EmbeddedFile     `json:"embeddedFiles,omitempty"`
}

// EnvironmentActions are run when the environment is entered and left; at least one is there (§4.3).
type EnvironmentActions struct {
	OnEnter *Action `json:"onEnter,omitempty"`
	OnExit  *Action `json:"onExit,omitempty"`

	// With the extension WRAP_ACTIONS, all or none: they run instead of the actions of inner environments and of tasks.
	OnWrapEnvEnter *Action `json:"onWrapEnvEnter,omitempty"`
	OnWrapTaskRun  *Action `json:"onWrapTaskRun,omitempty"`
	OnWrapEnvExit  *Action `json:"onWrapEnvExit,omitempty"`
}

// Wraps reports whether the environment wraps actions.
func (e *Environment) Wraps() bool { return e.Script != nil && e.Script.Actions.OnWrapTaskRun != nil }

// ResolveVariables returns the environment's variables with their format strings resolved.
func (e *Environment) ResolveVariables(s *Symbols) (map[string]string, error) {
	out := make(map[string]string, len(e.Variables))
	for name, value := range e.Variables {
		text, err := value.Resolve(s)
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}
