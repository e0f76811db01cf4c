package restv1

// Lists are objects, so that they can grow.
//
//revive:disable:exported // one comment for all of them
type (
	JobList struct {
		Jobs []Job `json:"jobs" nullable:"false" doc:"Newest first."`
	}
	AttemptList struct {
		Attempts []Attempt `json:"attempts" nullable:"false" doc:"Newest first."`
	}
	NodeList struct {
		Nodes []Node `json:"nodes" nullable:"false" doc:"By site and name."`
	}
	AutoscaleSampleList struct {
		Samples []AutoscaleSample `json:"samples" nullable:"false"`
	}
	PoolList struct {
		Pools []Pool `json:"pools" nullable:"false"`
	}
	DecisionList struct {
		Decisions []Decision `json:"decisions" nullable:"false" doc:"Newest first."`
	}
	FilerList struct {
		Filers []Filer `json:"filers" nullable:"false"`
	}
	LimitList struct {
		Limits []Limit `json:"limits" nullable:"false" doc:"By name."`
	}
	QueueList struct {
		Queues []Queue `json:"queues" nullable:"false" doc:"By name."`
	}
	PictureList struct {
		Pictures []Picture `json:"pictures" nullable:"false" doc:"Newest first."`
	}
)

// Login is what opens a browser's session.
type Login struct {
	Token string `json:"token" minLength:"1" maxLength:"512"`
}
