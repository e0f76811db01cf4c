package hub

import (
	"encoding/hex"
	"maps"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/openjd"
)

func nodeHello(h *agentv1.Hello) farm.NodeHello {
	node := farm.NodeID(h.GetNode())
	out := farm.NodeHello{
		Node: node, Site: farm.SiteID(h.GetSite()), Pool: farm.PoolID(h.GetPool()), Instance: h.GetInstance(),
		BootID: h.GetBootId(), Run: h.GetAgentRun(), Capacity: capacity(h.GetCapacity()),
	}
	for _, a := range h.GetAttempts() {
		out.Attempts = append(out.Attempts, attemptUpdate(node, a))
	}
	for _, s := range h.GetSessions() {
		if s.GetPhase() != agentv1.SessionPhase_SESSION_PHASE_ENDED {
			out.Sessions = append(out.Sessions, farm.SessionID(s.GetSession()))
		}
	}
	for _, m := range h.GetMounts() {
		if m.GetPhase() == agentv1.MountPhase_MOUNT_PHASE_READY {
			out.Mounts = append(out.Mounts, mountSession(m))
		}
	}
	return out
}

func capacity(c *agentv1.Capacity) farm.Capacity {
	out := farm.Capacity{
		VCPUs: c.GetVcpus(), MemoryMiB: c.GetMemoryMib(), GPUs: c.GetGpus(), GPUMemory: c.GetGpuMemoryMib(), ScratchGiB: c.GetScratchGib(),
		Attributes: map[string][]string{},
		// The known amounts stand here too: requirements with an upper bound look here.
		Amounts: map[string]float64{
			openjd.VCPU: c.GetVcpus(), openjd.Memory: float64(c.GetMemoryMib()), openjd.GPU: float64(c.GetGpus()),
			openjd.GPUMemory: float64(c.GetGpuMemoryMib()), openjd.DiskScratch: float64(c.GetScratchGib()),
		},
	}
	maps.Copy(out.Amounts, c.GetAmounts())
	for name, list := range c.GetAttributes() {
		out.Attributes[name] = list.GetValues()
	}
	if c.GetOsFamily() != "" {
		out.Attributes[openjd.OSFamily] = []string{c.GetOsFamily()}
	}
	if c.GetCpuArch() != "" {
		out.Attributes[openjd.CPUArch] = []string{c.GetCpuArch()}
	}
	return out
}

func mountSession(m *agentv1.MountUpdate) farm.MountSession {
	return farm.MountSession{Location: farm.Location(m.GetLocation()), Filer: farm.FilerID(m.GetFiler()), ID: m.GetMountSession()}
}

var phases = map[agentv1.AttemptPhase]farm.Phase{
	agentv1.AttemptPhase_ATTEMPT_PHASE_ACCEPTED: farm.PhaseAccepted,
	agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING:  farm.PhaseRunning,
	agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED:    farm.PhaseEnded,
}

var causes = map[agentv1.EndCause]farm.Cause{
	agentv1.EndCause_END_CAUSE_SUCCESS:       "",
	agentv1.EndCause_END_CAUSE_TASK_ERROR:    farm.CauseTask,
	agentv1.EndCause_END_CAUSE_TIMEOUT:       farm.CauseTimeout,
	agentv1.EndCause_END_CAUSE_CANCELED:      farm.CauseCanceled,
	agentv1.EndCause_END_CAUSE_VERIFICATION:  farm.CauseVerification,
	agentv1.EndCause_END_CAUSE_ENVIRONMENT:   farm.CauseEnvironment,
	agentv1.EndCause_END_CAUSE_STORAGE:       farm.CauseStorage,
	agentv1.EndCause_END_CAUSE_AGENT:         farm.CauseAgent,
	agentv1.EndCause_END_CAUSE_NO_PROGRESS:   farm.CauseNoProgress,
	agentv1.EndCause_END_CAUSE_OUT_OF_MEMORY: farm.CauseMemory,
	agentv1.EndCause_END_CAUSE_LICENCE:       farm.CauseLicence,
}

func endCauseOf(cause farm.Cause) agentv1.EndCause {
	for end, c := range causes {
		if c == cause {
			return end
		}
	}
	return agentv1.EndCause_END_CAUSE_UNSPECIFIED
}

func attemptUpdate(node farm.NodeID, a *agentv1.AttemptUpdate) farm.AttemptUpdate {
	out := farm.AttemptUpdate{
		Node: node, Attempt: farm.AttemptID(a.GetAttempt()), Phase: phases[a.GetPhase()], Elapsed: a.GetElapsed().AsDuration(),
	}
	if out.Phase == farm.PhaseEnded {
		out.End = attemptEnd(a.GetEnd())
	}
	return out
}

func attemptEnd(e *agentv1.AttemptEnd) farm.AttemptEnd {
	cause, known := causes[e.GetCause()]
	if !known {
		cause = farm.CauseAgent // a cause this release does not know is no success
	}
	out := farm.AttemptEnd{
		Cause: cause, ExitCode: int(e.GetExitCode()), Message: e.GetMessage(), RunTime: e.GetRunTime().AsDuration(),
		CPUTime: seconds(e.GetCpuSeconds()), MaxRSS: e.GetMaxRssMib(), LogSize: e.GetLogSize(),
	}
	for _, o := range e.GetOutputs() {
		out.Outputs = append(out.Outputs, farm.Output{
			StoragePath: farm.StoragePath{Location: farm.Location(o.GetLocation()), Path: o.GetPath()},
			Size:        o.GetSize(), SHA256: hex.EncodeToString(o.GetSha256()), Kind: o.GetKind(), Width: o.GetWidth(), Height: o.GetHeight(),
		})
	}
	return out
}
