package openjd

// Job is a job template with everything resolved that job creation resolves (§7.4). What a worker host resolves stays
// in format strings.
type Job struct {
	Name         string
	Description  string
	Parameters   Parameters
	Environments []Environment
	Steps        []Step
}

// Step is one step of a Job.
type Step struct {
	Name         string
	Description  string
	DependsOn    []int // indices of steps, ascending
	Environments []Environment
	Requirements HostRequirements
	Tasks        *TaskSpace
	Script       StepScript
}

// HostRequirements are what a host must have to run a step's tasks (§3.3), resolved. Names are in lower case.
type HostRequirements struct {
	Amounts    []Amount
	Attributes []Attribute
}

// Amount asks for a quantity; a session takes Min of it while it runs on the host. Units as the capability defines
// them (§3.3.1.1).
type Amount struct {
	Name string
	Min  float64 // the capability's own minimum if the template gives none
	Max  float64 // 0: none given
}

// Attribute asks that a host's values hold one of AnyOf (if any) and all of AllOf, compared without case.
type Attribute struct {
	Name  string
	AnyOf []string
	AllOf []string
}

// The capabilities that the specification defines (§3.3.1.1, §3.3.2.1).
const (
	VCPU        = "amount.worker.vcpu"
	Memory      = "amount.worker.memory" // MiB
	GPU         = "amount.worker.gpu"
	GPUMemory   = "amount.worker.gpu.memory"   // MiB of the smallest GPU
	DiskScratch = "amount.worker.disk.scratch" // GiB
	OSFamily    = "attr.worker.os.family"      // linux, windows, macos
	CPUArch     = "attr.worker.cpu.arch"       // x86_64, arm64
)

// Amount returns the requirement of that name (lower case).
func (r HostRequirements) Amount(name string) (Amount, bool) {
	for _, a := range r.Amounts {
		if a.Name == name {
			return a, true
		}
	}
	return Amount{}, false
}
