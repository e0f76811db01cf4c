package filer

import (
	"encoding/json"
	"sync/atomic"
	"time"
)

// traffic counts the bytes of one target, since its first use. Bytes are of file data.
type traffic struct {
	demand, ahead, primed     atomic.Uint64 // read from the origin
	unusedAhead, unusedPrimed atomic.Uint64 // of ahead and primed: not asked for by a client so far
	unique                    atomic.Uint64 // distinct bytes that clients asked for, rounded to blocks
	written                   atomic.Uint64
	calls                     atomic.Uint64
	served, servedCached      atomic.Uint64 // READ bytes answered to clients
	aheadInFlight             atomic.Uint64 // read-ahead under way
}

func (t *traffic) fetched(why cause, n uint64) {
	switch why {
	case causeDemand:
		t.demand.Add(n)
	case causeReadAhead:
		t.ahead.Add(n)
	case causePrime:
		t.primed.Add(n)
	}
}

// aheadSlack is how much may be read ahead before there is any traffic to compare it with.
const aheadSlack = 2 << 20

// mayReadAhead keeps what was read for nobody below a few per cent of all that was read, and what is read before anybody
// asks, under way or waiting, below a quarter of what was asked for after it had been read ahead: over a long link that
// makes the window of a sequential reader grow with every round trip until it holds all that is in flight.
func (t *traffic) mayReadAhead(block uint64) bool {
	ahead, unused := t.ahead.Load(), t.unusedAhead.Load()
	useful := ahead - min(unused, ahead)
	return unused+t.aheadInFlight.Load()+block <= aheadSlack+(t.demand.Load()+ahead)/16+useful/4
}

// trafficRecord is how the counters are kept, in JSON under the target.
type trafficRecord struct {
	Demand, Ahead, Primed, UnusedAhead, UnusedPrimed, Unique, Written, Calls, Served, ServedCached uint64

	Alive time.Time // when this was written
	Skew  int64     // nanoseconds that the origin's clock is ahead, at least
}

func (t *traffic) record() trafficRecord {
	return trafficRecord{
		Demand: t.demand.Load(), Ahead: t.ahead.Load(), Primed: t.primed.Load(),
		UnusedAhead: t.unusedAhead.Load(), UnusedPrimed: t.unusedPrimed.Load(),
		Unique: t.unique.Load(), Written: t.written.Load(), Calls: t.calls.Load(),
		Served: t.served.Load(), ServedCached: t.servedCached.Load(),
	}
}

// load takes the counters over from the last run, and when that was last known to be alive.
func (tg *target) load(kv KV) error {
	v, err := kv.Get(targetKey('c', tg.id))
	if err != nil || v == nil {
		return err
	}
	var r trafficRecord
	if json.Unmarshal(v, &r) != nil {
		return nil //nolint:nilerr // counters of a damaged record start again
	}
	tg.alive = r.Alive
	tg.skew.Store(r.Skew)
	t := &tg.traffic
	t.demand.Store(r.Demand)
	t.ahead.Store(r.Ahead)
	t.primed.Store(r.Primed)
	t.unusedAhead.Store(r.UnusedAhead)
	t.unusedPrimed.Store(r.UnusedPrimed)
	t.unique.Store(r.Unique)
	t.written.Store(r.Written)
	t.calls.Store(r.Calls)
	t.served.Store(r.Served)
	t.servedCached.Store(r.ServedCached)
	return nil
}

func (tg *target) change() Change {
	r := tg.traffic.record()
	r.Alive, r.Skew = time.Now(), tg.skew.Load()
	v, _ := json.Marshal(r)
	return Change{targetKey('c', tg.id), v}
}
