package storetest

import (
	"time"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
)

// Full returns a batch with one record of every kind and something in every field that is easily forgotten.
func Full() farm.Batch {
	at := time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.UTC)
	path := farm.StoragePath{Location: "nas", Path: "shot/frame_0001.png"}
	receipt := &farm.Receipt{Filer: "edge", Serial: 7, Size: 10, SHA256: "ab", Issued: at}
	var set farm.UnitSet
	set.AddRange(0, 9_999_999)
	set.Remove(4711)
	needs := farm.Requirements{
		VCPUs: 0.5, MemoryMiB: 1, Amounts: map[string]farm.Range{"licence": {Min: 1, Max: 2}},
		Attributes: map[string]farm.AttrNeed{"attr.os": {AnyOf: []string{"linux"}}},
	}
	b := farm.Batch{Events: []farm.Event{{
		Seq: 1, At: at, Kind: "unit", Job: "j1", Step: 1, Unit: 2, Attempt: "a1", Node: "n1", Pool: "p", From: "x", To: "y", Reason: "z",
	}}}
	b.Records = farm.Records{
		Specs: []farm.SpecRecord{{Job: "j1", JobSpec: farm.JobSpec{
			Parameters: map[string]string{"Frames": "1-24", "ä": "\u0000\""}, Template: []byte(`{"name":"ä"}`), Policy: []byte("{}"),
			Assets: []farm.StoragePath{path},
		}}},
		Jobs: []farm.Job{{
			ID: "j1", Name: "shot", Owner: "mara", Queue: "q", Priority: 50, State: farm.JobPaused, Reason: "r", Submitted: at,
			Deadline: at, Estimate: 8.5, MaxRetries: 2, MaxTasks: 3, MaxNodes: 4, Key: "k",
			Failing:  farm.FailurePolicy{Retries: map[farm.Cause]int{farm.CauseMemory: 3}, AvoidAfter: 2, StopAfter: -1, MemoryFactor: 1.5, LicenceWait: time.Minute},
			Setbacks: []farm.Setback{{Step: 1, Unit: 2, Node: "n1"}},
		}},
		Steps: []farm.StepRecord{{StepRef: farm.StepRef{Job: "j1", Step: 0}, Step: farm.Step{
			Name: "Render", Units: 10_000_000, DependsOn: []int{1}, Needs: needs, Estimate: farm.Estimate{Count: 2, Mean: 1.5, M2: 0.25},
			BySite: map[farm.SiteID]farm.Estimate{"cloud": {Count: 1}}, Expected: 2, HasOwn: true, Limits: map[farm.LimitID]int{"nuke": 1}, Succeeded: set,
			Failures: map[int64]int{4711: 2}, ByCause: map[int64]map[farm.Cause]int{4711: {farm.CauseTask: 2}}, HeldUntil: at, Denials: 1, Raised: 6000,
			Order: farm.Order{Kind: farm.OrderStrides, Strides: []farm.Stride{{First: 9, Last: 1, Step: -2}}}, BackOff: map[int64]time.Time{4711: at},
		}}},
		Attempts: []farm.Attempt{{
			ID: "a1", Unit: farm.UnitRef{StepRef: farm.StepRef{Job: "j1"}, Unit: 4711}, Number: 2, Node: "n1", Site: "cloud", Session: "s1",
			State: farm.AttemptFencing, Reason: "r", Cause: farm.CauseNodeLost, Epoch: 3, Assigned: at, Started: at, Ended: at, ExitCode: -1,
			RunTime: time.Second, CPUTime: time.Millisecond, MaxRSS: 1, LogSize: 2, Raised: 3, Expected: []farm.StoragePath{path},
			Inputs:  []farm.StoragePath{path},
			Outputs: []farm.Output{{StoragePath: path, Size: 10, SHA256: "ab", Kind: "image/png", Width: 480, Height: 270, Receipt: receipt}},
			Removed: []farm.Removed{{StoragePath: path, Size: 3}},
		}},
		Sessions: []farm.Session{{ID: "s1", Node: "n1", Step: farm.StepRef{Job: "j1"}, Ending: true, Opened: at}},
		Nodes: []farm.Node{{
			ID: "n1", Site: "cloud", Pool: "p", Instance: "i-1", State: farm.NodeLost, Reason: "r", Created: at, Joined: at, Gone: at, LastSeen: at,
			BootID: "b", Price: 0.5, Billed: at, MinBilling: time.Minute, Killed: true, Stop: true, Returned: true,
			Capacity: farm.Capacity{VCPUs: 2, MemoryMiB: 1, Amounts: map[string]float64{"licence": 1}, Attributes: map[string][]string{"attr.os": {"linux"}}},
			Mounts:   []farm.MountSession{{Location: "nas", Filer: "cloud", ID: 1 << 63, Dead: true}},
			Blocked:  map[farm.JobID]string{"j1": "because"}, Failures: map[farm.JobID]int{"j1": 3},
			Accused: map[string]string{"mara": "because"}, Quarantined: "because",
		}},
		Pools: []farm.Pool{{ID: "p", Site: "cloud", Min: 1, Max: 2, Wanted: 2, Reason: "r", Decided: at, Stopped: true, Created: 9}},
		Primings: []farm.Priming{{
			Job: "j1", Filer: "cloud", State: farm.PrimingRunning, Reason: "r", Files: 4, FilesDone: 3, Bytes: 2, BytesDone: 1, Started: at,
		}},
		Decisions: []farm.Decision{{ID: "d1", At: at, Pool: "p", Have: 1, Want: 2, Reason: "r", Cap: "c", Asked: 3, Seen: farm.Seen{Runnable: 4, Running: 5, Later: 6, Seconds: 7, Home: 8, Late: 9}}},
		Limits: []farm.Limit{{
			ID: "nuke", Seats: 3, PerNode: true, Settle: time.Minute, TTL: time.Hour, Stale: farm.StaleHold, External: 1, Reported: at, Overdue: true, DeniedUntil: at, Denials: 2,
			Settling: []farm.Settling{{Node: "n1", Seats: 2, Until: at}},
		}},
		Queues: []farm.Queue{{
			ID: "night", Weight: 0.5, Paused: true, Quota: farm.Amounts{VCPUs: 2.5, MemoryMiB: 1, GPUs: 2, Tasks: 3},
		}},
		Users: []farm.User{{
			ID: "mara", Grants: []access.Grant{{Role: access.Artist, Project: "alpha"}}, Comment: "c", Disabled: true, Created: at,
		}},
		APITokens: []farm.APIToken{{ID: "t1", User: "mara", Hash: "ab", Comment: "laptop", Created: at, Expires: at}},
		Budgets: []farm.Budget{{
			ID: "film", Of: farm.BudgetProject, Name: "alpha", Cap: 100, Warn: 0.8, Then: farm.BudgetStop, Since: at, Level: farm.BudgetSpent, Short: 1.5,
		}},
		Uses: []farm.Use{{
			Hour: at.Truncate(time.Hour), Job: "j1", Node: "n1", Project: "alpha", Owner: "mara", Queue: "q", Site: "cloud", Pool: "p",
			Attempts: 2, Run: time.Minute, Good: time.Second, CPU: time.Hour, Lost: 3, Share: 0.25,
		}},
		LastSeq: 1,
	}
	b.Deeds = []farm.Deed{{ID: "u1", At: at, Who: "mara", Token: "t1", From: "10.0.0.7", Did: "queue set", On: "night", Detail: "{}"}}
	return b
}
