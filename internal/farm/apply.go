package farm

import "time"

func (c AttemptUpdate) apply(f *Farm, now time.Time) (any, error)       { return nil, nil }
func (c WarmDone) apply(f *Farm, now time.Time) (any, error)            { return nil, nil }
func (c LandingDone) apply(f *Farm, now time.Time) (any, error)         { return nil, nil }
func (c LandingFailed) apply(f *Farm, now time.Time) (any, error)       { return nil, nil }
func (c FenceDone) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c FenceWaits) apply(f *Farm, now time.Time) (any, error)          { return nil, nil }
func (c SubmitJob) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c CancelJob) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c RetryJob) apply(f *Farm, now time.Time) (any, error)            { return nil, nil }
func (c PauseJob) apply(f *Farm, now time.Time) (any, error)            { return nil, nil }
func (c ResumeJob) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c SetPriority) apply(f *Farm, now time.Time) (any, error)         { return nil, nil }
func (c NodeHello) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c NodeDrain) apply(f *Farm, now time.Time) (any, error)           { return nil, nil }
func (c NodeResume) apply(f *Farm, now time.Time) (any, error)          { return nil, nil }
func (c NodeGone) apply(f *Farm, now time.Time) (any, error)            { return nil, nil }
func (c MountReported) apply(f *Farm, now time.Time) (any, error)       { return nil, nil }
func (c SessionEnded) apply(f *Farm, now time.Time) (any, error)        { return nil, nil }
func (c PoolPlanned) apply(f *Farm, now time.Time) (any, error)         { return nil, nil }
func (c PoolStop) apply(f *Farm, now time.Time) (any, error)            { return nil, nil }
func (c NodeCreated) apply(f *Farm, now time.Time) (any, error)         { return nil, nil }
func (c NodeCreateFailed) apply(f *Farm, now time.Time) (any, error)    { return nil, nil }
func (c NodeDeleteConfirmed) apply(f *Farm, now time.Time) (any, error) { return nil, nil }
func (c PrimingProgress) apply(f *Farm, now time.Time) (any, error)     { return nil, nil }
func (c PrimingEnded) apply(f *Farm, now time.Time) (any, error)        { return nil, nil }
