package restv1

// Problem is an error as RFC 9457 describes it.
type Problem struct {
	Type   string         `json:"type" doc:"A URI that names the kind of problem." example:"urn:spillway:problem:not_found"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail" doc:"What is wrong, in one sentence."`
	Code   string         `json:"code" enum:"internal,invalid,not_found,conflict,exhausted,unavailable,denied"`
	Hint   string         `json:"hint,omitempty" doc:"What to do next."`
	Errors []ProblemField `json:"errors,omitempty" nullable:"false" doc:"Each wrong field of the request."`
}

// ProblemField is one wrong field of a request.
type ProblemField struct {
	Location string `json:"location,omitempty" example:"body.template"`
	Message  string `json:"message"`
}
