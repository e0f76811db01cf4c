package openjd

import "errors"

// CreateJob resolves what job creation resolves. The error is Errors without positions.
func (t *JobTemplate) CreateJob(p Parameters) (*Job, error) { return nil, errors.New("not there") }

// TaskSpace returns the tasks of one step (an index into Steps); CreateJob makes those of all.
func (t *JobTemplate) TaskSpace(step int, p Parameters) (*TaskSpace, error) {
	return nil, errors.New("not there")
}

// BindParameters gives every defined parameter its value: the given one, else its default. The error is Errors: all
// that is wrong, each with the parameter's name as its path.
func (t *JobTemplate) BindParameters(values map[string]string, dirs BaseDirs) (Parameters, error) {
	return Bind(t.Parameters, values, dirs)
}

// Bind is BindParameters for definitions merged from several templates.
func Bind(definitions []JobParameter, values map[string]string, dirs BaseDirs) (Parameters, error) {
	return nil, errors.New("not there")
}

// MergeParameters merges the parameter definitions of environment templates, in the order in which they are entered,
// and of the job template, which comes last (§1.2.1). The error is Errors.
func MergeParameters(job *JobTemplate, environments ...*EnvironmentTemplate) ([]JobParameter, error) {
	return nil, errors.New("not there")
}
