package openjd

import "errors"

// TaskSpace is the set of a step's tasks, computed from their indices: however large, it costs what its definition
// costs. In a product the rightmost factor changes fastest; a range expression counts upwards, a list goes in its
// order (§3.4.3). It is immutable and safe for concurrent use.
type TaskSpace struct {
}

// Len returns the number of tasks, at least 1.
func (s *TaskSpace) Len() int64 { return 0 }

// At returns the values of task i, from 0 to Len()-1. A space without parameters has one task without values.
func (s *TaskSpace) At(i int64) (TaskValues, error) { return nil, errors.New("not there") }

// Index returns the index of the task with these values, the first if several have them.
func (s *TaskSpace) Index(values map[string]string) (int64, bool) { return 0, false }
