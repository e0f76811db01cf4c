package restv1

import "time"

// Autoscale is a pool's formula at work.
type Autoscale struct {
	Formula         string        `json:"formula"`
	IntervalSeconds float64       `json:"intervalSeconds"`
	Next            time.Time     `json:"next,omitzero" doc:"When it is evaluated again."`
	Last            *AutoscaleRun `json:"last,omitempty" doc:"The last evaluation."`
}

// AutoscaleRequest asks for an evaluation that changes nothing.
type AutoscaleRequest struct {
	Formula string            `json:"formula,omitempty" maxLength:"32768" doc:"Instead of the pool's own."`
	Samples []AutoscaleSample `json:"samples,omitempty" doc:"Instead of the pool's own. They are taken as if the newest were of now."`
}

// AutoscaleSample is what was measured at a moment.
type AutoscaleSample struct {
	Time   time.Time          `json:"time"`
	Values map[string]float64 `json:"values" doc:"By variable, such as $ActiveTasks."`
}

// AutoscaleRun is an evaluation of a formula. timestamp, results and error are those of Azure Batch's AutoScaleRun.
type AutoscaleRun struct {
	Timestamp time.Time          `json:"timestamp"`
	Results   string             `json:"results" doc:"The targets, and the formula's own variables. With an error: the targets as they are."`
	Error     *AutoscaleError    `json:"error,omitempty"`
	Nodes     int                `json:"nodes" doc:"That the pool should have, within its limits."`
	Note      string             `json:"note,omitempty" doc:"What of the results is not carried out, and why."`
	Mistakes  []AutoscaleMistake `json:"mistakes,omitempty" doc:"What is wrong, with the place."`
	Warnings  []AutoscaleMistake `json:"warnings,omitempty" doc:"What is allowed but probably not meant."`
}

// AutoscaleError says why a formula could not be evaluated.
type AutoscaleError struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Values  []AutoscaleDetail `json:"values,omitempty"`
}

// AutoscaleDetail is a detail of an error.
type AutoscaleDetail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// AutoscaleMistake is a place in a formula and what is wrong there.
type AutoscaleMistake struct {
	Line    int    `json:"line"`
	Column  int    `json:"column" doc:"In characters, from 1."`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Excerpt string `json:"excerpt" doc:"The line, and a caret below it."`
}
