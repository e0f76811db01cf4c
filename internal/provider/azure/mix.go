package azure

import (
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
)

// mix decides which machines of a spot pool are regular ones. What exists is known from every list of the pool, which the
// server asks for at its start and every minute, and from what was made since.
type mix struct {
	mu      sync.Mutex
	regular map[string]bool // by node; guarded by mu
}

// choose reports whether a node's machine is to be a regular one, and remembers it.
func (m *mix) choose(c *Config, node string) bool {
	if !c.Spot {
		return true
	}
	if c.Spec.Mix == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.regular, node)
	have := 0
	for _, regular := range m.regular {
		if regular {
			have++
		}
	}
	regular := have < c.Spec.Mix.Wanted(len(m.regular)+1)
	m.regular[node] = regular
	return regular
}

// Wanted returns how many of so many machines are to be regular ones.
func (x Mix) Wanted(machines int) int {
	above := max(0, machines-x.Regular)
	return min(machines, x.Regular) + (above*x.Percent+99)/100
}

func (m *mix) forget(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.regular, node)
}

// saw takes note of a machine that exists.
func (m *mix) saw(node string, vm *armcompute.VirtualMachine) {
	spot := vm.Properties != nil && vm.Properties.Priority != nil && *vm.Properties.Priority == armcompute.VirtualMachinePriorityTypesSpot
	m.mu.Lock()
	defer m.mu.Unlock()
	m.regular[node] = !spot
}
