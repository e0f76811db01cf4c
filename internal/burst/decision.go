package burst

// Decision is what is to be done with a pool now, and why.
type Decision struct {
	Pool string
	Have int // nodes that are there or on their way, without draining ones
	Want int // nodes that there should be; what follows may lag behind it

	Create  int      // new nodes to make now
	Resume  []string // draining nodes to keep after all
	Release []string // nodes to drain and then delete
	Prime   []string // jobs whose assets must be loaded at the pool's site before nodes are woken

	Job    string // whose work decided; empty: none
	Cap    string // what kept Want from being what the goals need: "max", "hourly", "budget", "stopped"; empty: nothing
	Reason string // one sentence with numbers, for people
}

// Changes reports whether there is anything to do.
func (d Decision) Changes() bool {
	return d.Create > 0 || len(d.Resume) > 0 || len(d.Release) > 0 || len(d.Prime) > 0
}
