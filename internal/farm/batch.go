package farm

// Records are all records of a farm, or those of them that changed.
//
// A job stands in three kinds of record, by how often they change: its Spec never, its Job (without Spec and Steps) when
// its state does, a StepRecord with each of its units.
type Records struct {
	Specs     []SpecRecord
	Jobs      []Job // without JobSpec and Steps
	Steps     []StepRecord
	Attempts  []Attempt
	Sessions  []Session
	Nodes     []Node
	Pools     []Pool
	Primings  []Priming
	Decisions []Decision
	Limits    []Limit
	Queues    []Queue
	Users     []User
	APITokens []APIToken
	Budgets   []Budget
	Uses      []Use // of the newest hour
	// LastSeq is the sequence number of the newest event.
	LastSeq uint64
}

// SpecRecord is the part of a job that is written once.
type SpecRecord struct {
	Job JobID `json:"job"`
	JobSpec
}

// StepRecord is one step of a job.
type StepRecord struct {
	StepRef
	Step
}

// Batch is what changed since the last one: for the store to write in one transaction. It shares nothing with the farm.
// Records replace their predecessors; all slices are in a deterministic order.
type Batch struct {
	Records
	EndedSessions []SessionID // to be deleted
	OldDecisions  []string    // to be deleted
	OldLimits     []LimitID   // to be deleted
	OldQueues     []QueueID   // to be deleted
	OldBudgets    []BudgetID  // to be deleted
	OldUsers      []UserID    // to be deleted
	OldAPITokens  []string    // to be deleted
	Deeds         []Deed      // to be added to the audit
	Events        []Event     // in order of Seq
}

// Empty reports whether there is nothing to write.
func (b *Batch) Empty() bool {
	return len(b.Specs) == 0 && len(b.Jobs) == 0 && len(b.Steps) == 0 && len(b.Attempts) == 0 && len(b.Sessions) == 0 &&
		len(b.Nodes) == 0 && len(b.Pools) == 0 && len(b.Primings) == 0 && len(b.Decisions) == 0 &&
		len(b.EndedSessions) == 0 && len(b.OldDecisions) == 0 && len(b.Limits) == 0 && len(b.OldLimits) == 0 && len(b.Queues) == 0 && len(b.OldQueues) == 0 &&
		len(b.Users) == 0 && len(b.OldUsers) == 0 && len(b.APITokens) == 0 && len(b.OldAPITokens) == 0 && len(b.Deeds) == 0 && len(b.Uses) == 0 && len(b.Budgets) == 0 && len(b.OldBudgets) == 0 &&
		len(b.Events) == 0
}
