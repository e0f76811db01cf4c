package openjd

// StepTemplate defines one step (§3).
type StepTemplate struct {
	Name         string                    `json:"name"`
	Description  string                    `json:"description,omitempty"`
	Let          []LetBinding              `json:"let,omitempty"`
	Dependencies []StepDependency          `json:"dependencies,omitempty"`
	Environments []Environment             `json:"stepEnvironments,omitempty"`
	Requirements *HostRequirementsTemplate `json:"hostRequirements,omitempty"`
	Space        *ParameterSpace           `json:"parameterSpace,omitempty"` // nil: one task
	Script       StepScript                `json:"script"`
}

// StepDependency names a step that must have succeeded before (§3.2).
type StepDependency struct {
	DependsOn string `json:"dependsOn"`
}

// StepScript is what a step's tasks run (§3.5).
type StepScript struct {
	Let     []LetBinding   `json:"let,omitempty"`
	Actions StepActions    `json:"actions"`
	Files   []EmbeddedFile `json:"embeddedFiles,omitempty"`
}

// StepActions holds the action of a task (§3.5.1).
type StepActions struct {
	OnRun Action `json:"onRun"`
}

// ParameterSpace defines a step's task parameters and how they combine (§3.4).
type ParameterSpace struct {
	Parameters  []TaskParameter `json:"taskParameterDefinitions"`
	Combination string          `json:"combination,omitempty"` // empty: the product in the order of definition
}

// TaskParameter is a <TaskParameterDefinition> of any type (§3.4.1).
type TaskParameter struct {
	Name  string        `json:"name"`
	Type  ParameterType `json:"type"`
	Range TaskRange     `json:"range"`
	// Chunks is set for CHUNK[INT] alone.
	Chunks *Chunks `json:"chunks,omitempty"`
}

// TaskRange is a list of values or, for INT, a range expression. Exactly one is set.
type TaskRange struct {
	List []FormatString
	Expr *FormatString
}

// HostRequirementsTemplate are a step's host requirements as written (§3.3); see HostRequirements for resolved ones.
type HostRequirementsTemplate struct {
	Amounts    []AmountTemplate    `json:"amounts,omitempty"`
	Attributes []AttributeTemplate `json:"attributes,omitempty"`
}

// AmountTemplate is an <AmountRequirement> (§3.3.1).
type AmountTemplate struct {
	Name FormatString `json:"name"`
	Min  *FloatField  `json:"min,omitempty"`
	Max  *FloatField  `json:"max,omitempty"`
}

// AttributeTemplate is an <AttributeRequirement> (§3.3.2).
type AttributeTemplate struct {
	Name  FormatString   `json:"name"`
	AnyOf []FormatString `json:"anyOf,omitempty"`
	AllOf []FormatString `json:"allOf,omitempty"`
}
