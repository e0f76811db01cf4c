package load

import (
	"errors"
	"sync"
	"time"
)

// Local runs an operation of this machine as Run does calls, in so many threads until the time is over. do gets the
// number of its thread and its own number there.
func Local(threads int, length time.Duration, do func(thread, n uint64) error) (Result, error) {
	var wg sync.WaitGroup
	all := make([]Result, threads)
	begin := time.Now()
	for i := range all {
		wg.Go(func() {
			r := &all[i]
			for now := begin; now.Sub(begin) < length && r.problem == nil; r.Calls++ {
				r.problem = do(uint64(i), r.Calls)
				done := time.Now()
				r.lat.add(done.Sub(now))
				now = done
			}
		})
	}
	wg.Wait()
	sum := Result{Took: time.Since(begin)}
	var err error
	for i := range all {
		sum.Calls += all[i].Calls
		sum.lat.merge(&all[i].lat)
		err = errors.Join(err, all[i].problem)
	}
	sum.P50, sum.P99 = sum.lat.at(0.50), sum.lat.at(0.99)
	return sum, err
}
