package server

import (
	"math"
	"runtime"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/openjd"
)

// needs puts a step's host requirements (OpenJD 2023-09 §3.3) into the farm's terms.
func needs(r openjd.HostRequirements) farm.Requirements {
	var out farm.Requirements
	for _, a := range r.Amounts {
		whole := uint64(math.Ceil(min(max(a.Min, 0), 1<<52)))
		least := 0.0
		switch a.Name {
		case openjd.VCPU:
			out.VCPUs = a.Min
		case openjd.Memory:
			out.MemoryMiB = whole
		case openjd.GPU:
			out.GPUs = uint32(min(whole, math.MaxUint32))
		case openjd.GPUMemory:
			out.GPUMemory = whole
		case openjd.DiskScratch:
			out.ScratchGiB = whole
		default:
			least = a.Min
		}
		if least > 0 || a.Max > 0 { // upper bounds of the known amounts stand among the others
			if out.Amounts == nil {
				out.Amounts = map[string]farm.Range{}
			}
			out.Amounts[a.Name] = farm.Range{Min: least, Max: a.Max}
		}
	}
	for _, a := range r.Attributes {
		if out.Attributes == nil {
			out.Attributes = map[string]farm.AttrNeed{}
		}
		out.Attributes[a.Name] = farm.AttrNeed{AllOf: a.AllOf, AnyOf: a.AnyOf}
	}
	return out
}

// architectures are the specification's names (§3.3.2.1) of Go's.
var architectures = map[string]string{"amd64": "x86_64", "arm64": "arm64"}

// hostAttributes are those of this machine, which nodes of the process provider share.
func hostAttributes() map[string][]string {
	attrs := map[string][]string{openjd.OSFamily: {runtime.GOOS}}
	if arch := architectures[runtime.GOARCH]; arch != "" {
		attrs[openjd.CPUArch] = []string{arch}
	}
	return attrs
}
