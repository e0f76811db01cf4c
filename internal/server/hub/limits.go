package hub

import (
	"math"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/fault"
)

// Bounds on what a node may say.
const (
	maxListed = 10_000 // attempts, sessions or mounts of a node; outputs of an attempt
	maxText   = 4096   // bytes of a message
	maxName   = 4096   // bytes of an id or a path
)

// seconds converts what an agent measured; nonsense is 0.
func seconds(s float64) time.Duration {
	if !(s > 0) || s > math.MaxInt64/2/float64(time.Second) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// clip shortens a text for people.
func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}

func checkHello(h *agentv1.Hello) error {
	if h.GetProtocol() != protocol {
		return fault.WithHint(fault.New(fault.Conflict, "the agent speaks protocol %d, this server %d", h.GetProtocol(), protocol),
			"upgrade the older of the two")
	}
	if len(h.GetAttempts()) > maxListed || len(h.GetSessions()) > maxListed || len(h.GetMounts()) > maxListed {
		return fault.New(fault.Invalid, "a hello lists more than %d things", maxListed)
	}
	if h.GetSite() == "" {
		return fault.New(fault.Invalid, "a hello without a site")
	}
	if c := h.GetCapacity(); !(c.GetVcpus() > 0) || math.IsInf(c.GetVcpus(), 0) {
		return fault.New(fault.Invalid, "a node that offers %v vcpus", c.GetVcpus())
	}
	for _, a := range h.GetAttempts() {
		if err := checkAttempt(a); err != nil {
			return err
		}
	}
	return nil
}

func checkAttempt(a *agentv1.AttemptUpdate) error {
	if phases[a.GetPhase()] == 0 {
		return fault.New(fault.Invalid, "an attempt in phase %d", a.GetPhase())
	}
	if len(a.GetAttempt()) > maxName {
		return fault.New(fault.Invalid, "an attempt's id of %d bytes", len(a.GetAttempt()))
	}
	end := a.GetEnd()
	if a.GetPhase() == agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED && end == nil {
		return fault.New(fault.Invalid, "an attempt ended without saying how")
	}
	if len(end.GetOutputs()) > maxListed {
		return fault.New(fault.Invalid, "an attempt with %d outputs", len(end.GetOutputs()))
	}
	for _, o := range end.GetOutputs() {
		if len(o.GetPath()) > maxName || len(o.GetSha256()) != 32 {
			return fault.New(fault.Invalid, "the output %.80q with a digest of %d bytes", o.GetPath(), len(o.GetSha256()))
		}
	}
	return nil
}
