package restv1

import "time"

// Budget bounds what rented nodes cost for the jobs of somebody.
type Budget struct {
	ID       string    `json:"id"`
	Of       string    `json:"of" enum:"project,owner,queue,job"`
	Name     string    `json:"name" doc:"Of the project, owner or queue; the job's id."`
	Cap      float64   `json:"cap"`
	Warn     float64   `json:"warn" doc:"The share of the cap at which a warning is given."`
	Then     string    `json:"then" enum:"warn,stop,cancel" doc:"When it is used up: warn only; start nothing more on rented nodes; or take back what runs there too."`
	Since    time.Time `json:"since,omitzero" doc:"From when on ends of attempts count."`
	Level    string    `json:"level" enum:"open,warned,spent"`
	Short    float64   `json:"short,omitempty" doc:"What a task more would cost that cannot start."`
	Spent    float64   `json:"spent" doc:"What runs included, with its share of start-up and idle time."`
	Reserved float64   `json:"reserved" doc:"Expected for the rest of what runs."`
	Left     float64   `json:"left" doc:"Cap less spent and, if it stops, reserved; negative if more is spent."`
	Currency string    `json:"currency,omitempty"`
}

// BudgetChange makes a budget or changes one. What is left out keeps its value; a new one needs of, name and cap.
type BudgetChange struct {
	Of    *string    `json:"of,omitempty" enum:"project,owner,queue,job"`
	Name  *string    `json:"name,omitempty" maxLength:"200"`
	Cap   *float64   `json:"cap,omitempty" minimum:"0" maximum:"1000000000000"`
	Warn  *float64   `json:"warn,omitempty" minimum:"0" maximum:"1"`
	Then  *string    `json:"then,omitempty" enum:"warn,stop,cancel"`
	Since *time.Time `json:"since,omitempty"`
}

// BudgetList is a list of budgets.
type BudgetList struct {
	Budgets []Budget `json:"budgets" nullable:"false"`
}
