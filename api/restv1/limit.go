package restv1

import "time"

// Limit bounds how much of something, licences most often, is taken at once.
type Limit struct {
	ID            string    `json:"id"`
	Seats         int       `json:"seats"`
	Per           string    `json:"per" enum:"task,node" doc:"What takes seats: each task, or each node however many tasks it runs."`
	SettleSeconds float64   `json:"settleSeconds,omitempty" doc:"How long a seat that was given back is not given to another."`
	TTLSeconds    float64   `json:"ttlSeconds,omitempty" doc:"How long a report of the use outside the farm counts. 0: until the next one."`
	Stale         string    `json:"stale" enum:"keep,ignore,hold" doc:"What counts after that: the last report, the farm's use alone, or nothing new is started."`
	Held          int       `json:"held" doc:"Seats of tasks."`
	Settling      int       `json:"settling,omitempty" doc:"Seats given back a moment ago."`
	Outside       int       `json:"outside,omitempty" doc:"Seats that count as taken outside the farm."`
	Free          int       `json:"free" doc:"Negative if more are taken than there are."`
	Reported      time.Time `json:"reported,omitzero" doc:"When the use outside the farm was last reported."`
	Overdue       bool      `json:"overdue,omitempty" doc:"The last report does not count any more."`
	Closed        bool      `json:"closed,omitempty" doc:"Nothing new is started, because nobody knows how much is left."`
	Nodes         []string  `json:"nodes,omitempty" nullable:"false" doc:"That hold seats, if those are counted per node."`
}

// LimitChange makes a limit or changes one. What is left out keeps its value; a new limit needs seats.
type LimitChange struct {
	Seats         *int     `json:"seats,omitempty" minimum:"0" maximum:"1000000"`
	Per           *string  `json:"per,omitempty" enum:"task,node"`
	SettleSeconds *float64 `json:"settleSeconds,omitempty" minimum:"0" maximum:"3600"`
	TTLSeconds    *float64 `json:"ttlSeconds,omitempty" minimum:"0" maximum:"604800"`
	Stale         *string  `json:"stale,omitempty" enum:"keep,ignore,hold"`
}

// LimitReport tells what a licence server knows.
type LimitReport struct {
	Outside int  `json:"outside" minimum:"0" maximum:"1000000" doc:"Seats taken outside the farm."`
	Seats   *int `json:"seats,omitempty" minimum:"0" maximum:"1000000" doc:"How many there are in all; left out: as before."`
}
