package restv1

import "time"

// Usage is who used what, and what it cost. It has what has ended on its node; what still runs is in no line yet.
type Usage struct {
	By       string      `json:"by"`
	From     time.Time   `json:"from,omitzero"`
	To       time.Time   `json:"to"`
	Currency string      `json:"currency,omitempty"`
	Lines    []UsageLine `json:"lines" nullable:"false" doc:"The dearest first; days in order."`
	Total    UsageLine   `json:"total"`
	Bills    *Bills      `json:"bills,omitempty" doc:"Only for callers who see all projects."`
}

// UsageLine is what one of those that the report is about used.
type UsageLine struct {
	Key         string  `json:"key" doc:"An id or a name; of a task its step and number. Empty: of none, as of no project."`
	Name        string  `json:"name,omitempty" doc:"Of a job."`
	Attempts    int64   `json:"attempts"`
	Seconds     float64 `json:"seconds" doc:"Attempt-seconds by the agents' clocks."`
	GoodSeconds float64 `json:"goodSeconds" doc:"Of these: of attempts that ended well."`
	CPUSeconds  float64 `json:"cpuSeconds"`
	LostSeconds float64 `json:"lostSeconds,omitempty" doc:"Of attempts whose end no agent told, by the server's clock."`
	NodeSeconds float64 `json:"nodeSeconds" doc:"Seconds of whole nodes: four tasks side by side on one take its time once."`
	Cost        float64 `json:"cost" doc:"With the share of its machines' start-up and idle time."`
}

// Bills are what machines were paid for in the time of a report. Cost = Shared + Unused + Carried.
type Bills struct {
	Machines    int     `json:"machines"`
	NodeSeconds float64 `json:"nodeSeconds" doc:"From creation to confirmed deletion, minimum billing included."`
	Cost        float64 `json:"cost"`
	Shared      float64 `json:"shared" doc:"Among attempts that ended in the time of the report."`
	Unused      float64 `json:"unused" doc:"Of machines that no attempt has used until now."`
	Carried     float64 `json:"carried" doc:"Shared among attempts that ended before or after; over all time 0."`
}
