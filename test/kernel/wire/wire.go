// Package wire is what the rig and the first process of a guest say to each other: one TCP connection for each command.
// The rig sends a Command, the guest answers with Events, the last of which has Exit. If the rig hangs up, the guest
// kills the command.
package wire

// Port is the port at which a guest takes commands.
const Port = 7

// Ready is what a guest prints on its console once it takes commands.
const Ready = "guest: ready"

// PowerOff is a Command's only argument when the guest shall stop at once, without unmounting anything.
const PowerOff = "power off"

// Command is a program to run in the guest.
type Command struct {
	Args []string `json:"args"`
	Env  []string `json:"env"` // added to the guest's own
	Dir  string   `json:"dir"`
}

// Event is what happened to a command. Exactly one field is set.
type Event struct {
	Output []byte `json:"output,omitempty"` // of standard output and standard error, as they come
	Exit   *int   `json:"exit,omitempty"`   // the exit status; 128 and the signal if a signal ended it
	Failed string `json:"failed,omitempty"` // why it could not be started
}
