package filer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// UsageModel says how a target is cached: how long what is known of it is trusted, and when writes go to it.
type UsageModel struct {
	ID     string        // of Azure's API
	Title  string        // as Azure's pages named it
	Verify time.Duration // age after which attributes and names are checked again; never: only a listing checks
	// WriteBack is how long after its last change a file is written to the target; 0: writes go through.
	WriteBack time.Duration
}

// never is a verification time that does not end: 292 years are the longest a Duration knows.
const never = 100 * 365 * 24 * time.Hour

// usageModels are those of HPC Cache, the two of its last years first. Verification and write-back times are Azure's
// (docs/filer-usage-models.md).
func usageModels() []UsageModel {
	return []UsageModel{
		{"READ_ONLY", "Read-only caching", 30 * time.Second, 0},
		{"READ_WRITE", "Read-write caching", 8 * time.Hour, time.Hour},
		{"READ_HEAVY_INFREQ", "Read heavy, infrequent writes", never, 0},
		{"READ_HEAVY_CHECK_180", "Read heavy, checking the backing server every 3 hours", 3 * time.Hour, 0},
		{"WRITE_AROUND", "Clients write to the NFS target, bypassing the cache", 30 * time.Second, 0},
		{"WRITE_WORKLOAD_15", "Greater than 15% writes", 8 * time.Hour, time.Hour},
		{"WRITE_WORKLOAD_CHECK_30", "Greater than 15% writes, checking the backing server for changes every 30 seconds", 30 * time.Second, time.Hour},
		{"WRITE_WORKLOAD_CHECK_60", "Greater than 15% writes, checking the backing server for changes every 60 seconds", time.Minute, time.Hour},
		{"WRITE_WORKLOAD_CLOUDWS", "Greater than 15% writes, write back to the server every 30 seconds", 30 * time.Second, 30 * time.Second},
	}
}

// ParseUsageModel finds a model by its id or its title, in any spelling of upper and lower case.
func ParseUsageModel(name string) (UsageModel, error) {
	all := usageModels()
	i := slices.IndexFunc(all, func(m UsageModel) bool { return strings.EqualFold(m.ID, name) || strings.EqualFold(m.Title, name) })
	if i < 0 {
		ids := make([]string, len(all))
		for i := range all {
			ids[i] = all[i].ID
		}
		return UsageModel{}, fault.New(fault.Invalid, "there is no usage model %q; there are %s", name, strings.Join(ids, ", "))
	}
	return all[i], nil
}

// Timer is a time of a usage model: whole seconds as Azure writes them, or with a unit such as "90s" or "8h"; from a
// second to a year.
type Timer time.Duration

const maxTimer = 31_536_000 * time.Second

// UnmarshalText reads a Timer.
func (t *Timer) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.Trim(s, "0123456789") == "" {
		s += "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fault.New(fault.Invalid, "want seconds, or a time such as \"90s\" or \"8h\", got %q", text)
	}
	if d < time.Second || d > maxTimer {
		return fault.New(fault.Invalid, "want 1 to 31536000 seconds (a year), got %q", text)
	}
	*t = Timer(d)
	return nil
}

func (t Timer) String() string { return fmt.Sprint(time.Duration(t)) }
