package autoscale

// Variable describes a variable that the service defines.
type Variable struct {
	Name        string // with its $
	Writable    bool   // a target or the deallocation option; the others have samples
	Origin      Origin
	Description string
	AliasOf     string // another name of a variable; empty: none
}

// Origin tells where a variable is known.
type Origin uint8

// The origins.
const (
	Azure      Origin = iota // in the service's current documentation
	AzureOlder               // in its documentation of 2019; the service no longer fills it
	Own                      // of this implementation
)

// Names of variables that this package itself knows.
const (
	targetDedicated   = "$TargetDedicatedNodes"
	targetLowPriority = "$TargetLowPriorityNodes"
	deallocation      = "$NodeDeallocationOption"
)

// Variables returns all variables that a formula may use without having assigned them.
//
// The slot-aware ones are what users of the service miss (github.com/Azure/Batch issue 151): a task takes as many slots as
// its needs ask for, so that $PendingTaskSlots / $TaskSlotsPerNode is the number of nodes for all pending tasks.
func Variables() []Variable {
	return []Variable{
		{targetDedicated, true, Azure, "the number of regular nodes that the pool should have", ""},
		{"$TargetDedicated", true, Azure, "", targetDedicated},
		{targetLowPriority, true, Azure, "the number of low-priority or spot nodes that the pool should have", ""},
		{"$TargetSpotNodes", true, Own, "", targetLowPriority},
		{"$TargetLowPriority", true, Azure, "", targetLowPriority},
		{deallocation, true, Azure, "what is done with the tasks of a removed node", ""},

		{"$ActiveTasks", false, Azure, "tasks that could start but wait for a node; not those whose dependencies are unmet", ""},
		{"$RunningTasks", false, Azure, "tasks that run", ""},
		{"$PendingTasks", false, Azure, "active and running tasks", ""},
		{"$SucceededTasks", false, Azure, "tasks that have ended well", ""},
		{"$FailedTasks", false, Azure, "tasks that have failed", ""},
		{"$TaskSlotsPerNode", false, Azure, "task slots of one node", ""},
		{"$CurrentDedicatedNodes", false, Azure, "regular nodes that the pool has", ""},
		{"$CurrentLowPriorityNodes", false, Azure, "low-priority or spot nodes that the pool has, preempted ones included", ""},
		{"$PreemptedNodeCount", false, Azure, "nodes that are preempted", ""},
		{"$UsableNodeCount", false, Azure, "nodes that can take tasks", ""},
		{"$CPUPercent", false, Azure, "average use of the nodes' CPUs, from 0 to 1", ""},

		{"$WallClockSeconds", false, AzureOlder, "seconds consumed", ""},
		{"$MemoryBytes", false, AzureOlder, "average of the memory in use, in MB", ""},
		{"$DiskBytes", false, AzureOlder, "average of the local disks in use, in GB", ""},
		{"$DiskReadBytes", false, AzureOlder, "bytes read from the disks", ""},
		{"$DiskWriteBytes", false, AzureOlder, "bytes written to the disks", ""},
		{"$DiskReadOps", false, AzureOlder, "read operations of the disks", ""},
		{"$DiskWriteOps", false, AzureOlder, "write operations of the disks", ""},
		{"$NetworkInBytes", false, AzureOlder, "bytes received", ""},
		{"$NetworkOutBytes", false, AzureOlder, "bytes sent", ""},
		{"$SampleNodeCount", false, AzureOlder, "nodes sampled", ""},

		{"$ActiveTaskSlots", false, Own, "slots that active tasks will take", ""},
		{"$RunningTaskSlots", false, Own, "slots that running tasks take", ""},
		{"$PendingTaskSlots", false, Own, "active and running tasks' slots", ""},
		{"$FreeTaskSlots", false, Own, "slots of usable nodes in which nothing runs", ""},
		{"$CurrentSpotNodes", false, Own, "", "$CurrentLowPriorityNodes"},
	}
}

// canonical returns the variable's name, or the one it is an alias of.
func (v *Variable) canonical() string {
	if v.AliasOf != "" {
		return v.AliasOf
	}
	return v.Name
}

// constants are the words that stand for values.
func constants() map[string]value {
	out := map[string]value{}
	for _, o := range []Option{Requeue, Terminate, TaskCompletion, RetainedData} {
		out[string(o)] = value{kind: Deallocation, text: string(o)}
	}
	for name, i := range map[string]interval{
		"Zero": 0, "100ns": tick, "Microsecond": microsecond, "Millisecond": millisecond, "Second": second,
		"Minute": minute, "Hour": hour, "Day": day, "Week": week, "Year": year,
	} {
		out["TimeInterval_"+name] = intervalOf(i)
	}
	return out
}

// Option says what is done with the tasks of a node that is removed.
type Option string

// The options.
const (
	Requeue        Option = "requeue"        // they are ended and wait again; the default
	Terminate      Option = "terminate"      // they are ended for good
	TaskCompletion Option = "taskcompletion" // the node goes when they have ended
	RetainedData   Option = "retaineddata"   // the node goes when their files are no longer kept
)
