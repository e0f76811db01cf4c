package locktable

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// bytesInModel is the size of the files of the model; its last byte stands for all that follow.
const bytesInModel = 12

// model has for each byte of a file who holds it and how: true is exclusive.
type model struct {
	bytes  [2][bytesInModel]map[Owner]bool
	claims []*Claim
}

func (m *model) last(r Range) int {
	if r.Last == End {
		return bytesInModel - 1
	}
	return int(r.Last)
}

// barred says whether somebody else's lock or ready claim is in the way.
func (m *model) barred(file uint64, l Lock) bool {
	for i := int(l.Range.First); i <= m.last(l.Range); i++ {
		for o, exclusive := range m.bytes[file][i] {
			if o != l.Owner && (exclusive || l.Exclusive) {
				return true
			}
		}
	}
	return slices.ContainsFunc(m.claims, func(c *Claim) bool {
		return c.File == file && !c.Waiting() && c.Lock.Owner != l.Owner && (c.Lock.Exclusive || l.Exclusive) &&
			int(c.Lock.Range.First) <= m.last(l.Range) && int(l.Range.First) <= m.last(c.Lock.Range)
	})
}

func (m *model) set(file uint64, l Lock, hold bool) {
	for i := int(l.Range.First); i <= m.last(l.Range); i++ {
		if hold {
			m.bytes[file][i][l.Owner] = l.Exclusive
		} else {
			delete(m.bytes[file][i], l.Owner)
		}
	}
}

func newModel() *model {
	m := &model{}
	for f := range m.bytes {
		for i := range m.bytes[f] {
			m.bytes[f][i] = map[Owner]bool{}
		}
	}
	return m
}

func drawLock(t *rapid.T) (uint64, Lock) {
	first := rapid.Uint64Range(0, bytesInModel-2).Draw(t, "first")
	last := rapid.Uint64Range(first, bytesInModel-1).Draw(t, "last")
	if last == bytesInModel-1 {
		last = End
	}
	return rapid.Uint64Range(0, 1).Draw(t, "file"), Lock{Owner: drawOwner(t), Range: Range{first, last}, Exclusive: rapid.Bool().Draw(t, "exclusive")}
}

func drawOwner(t *rapid.T) Owner {
	return Owner{
		Client: Client(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "client")), SVID: rapid.Int32Range(1, 2).Draw(t, "svid"),
		Handle: rapid.SampledFrom([]string{"", "x"}).Draw(t, "handle"),
	}
}

// ready checks that just those claims have become ready that nothing bars, in their order.
func (m *model) ready(t *rapid.T, file uint64, waited []*Claim, got []*Claim) {
	t.Helper()
	var want []*Claim
	for _, c := range waited {
		if slices.Contains(got, c) && c.File == file {
			want = append(want, c)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("ready are %v, of those that waited %v", got, waited)
	}
	for _, c := range m.claims {
		if c.Waiting() && !m.barred(c.File, c.Lock) {
			t.Fatalf("%+v waits for nobody", c)
		}
	}
}

func (m *model) waiting() (out []*Claim) {
	for _, c := range m.claims {
		if c.Waiting() {
			out = append(out, c)
		}
	}
	return out
}

func (m *model) forget(c *Claim) {
	m.claims = slices.DeleteFunc(m.claims, func(o *Claim) bool { return o == c })
}

// TestAgainstBytes compares the table with the naive model, a map for each byte.
func TestAgainstBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, m := New(), newModel()
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				file, l := drawLock(t)
				wait := rapid.Bool().Draw(t, "wait")
				barred, known := m.barred(file, l), table.Find(file, l)
				c, bar, err := table.Claim(file, l, wait)
				switch {
				case known != nil && (wait || !known.Waiting()):
					if c != known {
						t.Fatal("a repeated claim is another one")
					}
				case errors.Is(err, ErrDeadlock):
					if !wait || !barred || len(m.waiting()) == 0 {
						t.Fatal("a deadlock where nobody waits")
					}
				case err != nil:
					t.Fatal(err)
				case barred != (bar != nil) || barred && !wait != (c == nil && bar != nil && !wait):
					t.Fatalf("barred %v, the table says %v, %v", barred, c, bar)
				case bar != nil && !bar.bars(&l):
					t.Fatalf("%+v does not bar %+v", bar, l)
				case c != nil:
					if c.Waiting() != barred {
						t.Fatalf("barred %v, waiting %v", barred, c.Waiting())
					}
					m.claims = append(m.claims, c)
				}
			},
			"settle": func(t *rapid.T) {
				if len(m.claims) == 0 {
					t.Skip()
				}
				c := rapid.SampledFrom(m.claims).Draw(t, "claim")
				waited := m.waiting()
				if c.Waiting() {
					if got := table.Settle(c); got != nil || c.Ended() {
						t.Fatal("a waiting claim was settled")
					}
					return
				}
				got := table.Settle(c)
				m.forget(c)
				m.set(c.File, c.Lock, true)
				m.ready(t, c.File, waited, got)
			},
			"withdraw": func(t *rapid.T) {
				if len(m.claims) == 0 {
					t.Skip()
				}
				c := rapid.SampledFrom(m.claims).Draw(t, "claim")
				waited := m.waiting()
				got := table.Withdraw(c)
				m.forget(c)
				m.ready(t, c.File, slices.DeleteFunc(waited, func(o *Claim) bool { return o == c }), got)
				if table.Withdraw(c) != nil {
					t.Fatal("withdrawn twice")
				}
			},
			"unlock": func(t *rapid.T) {
				file, l := drawLock(t)
				had := false
				for i := int(l.Range.First); i <= m.last(l.Range); i++ {
					_, ok := m.bytes[file][i][l.Owner]
					had = had || ok
				}
				waited := m.waiting()
				released, got := table.Unlock(file, l.Owner, l.Range)
				if released != had {
					t.Fatalf("released %v, held %v", released, had)
				}
				m.set(file, l, false)
				m.ready(t, file, waited, got)
			},
			"drop": func(t *rapid.T) {
				client := Client(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "client"))
				table.Drop(client)
				for f := range m.bytes {
					for i := range m.bytes[f] {
						for o := range m.bytes[f][i] {
							if o.Client == client {
								delete(m.bytes[f][i], o)
							}
						}
					}
				}
				m.claims = slices.DeleteFunc(m.claims, func(c *Claim) bool { return c.Lock.Owner.Client == client })
				if table.Has(client) {
					t.Fatal("the client still has something")
				}
				m.ready(t, 0, nil, nil)
			},
			"": func(t *rapid.T) { m.compare(t, table) },
		})
	})
}

// compare checks that the table holds for each byte what the model does, in as few locks as can be.
func (m *model) compare(t *rapid.T, table *Table) {
	locks := len(m.claims)
	for f := range m.bytes {
		owners := map[Owner]bool{}
		for i := range m.bytes[f] {
			for o := range m.bytes[f][i] {
				owners[o] = true
			}
		}
		for o := range owners {
			var want []Lock
			for i := range m.bytes[f] {
				exclusive, ok := m.bytes[f][i][o]
				if !ok {
					continue
				}
				r := Range{uint64(i), uint64(i)}
				if i == bytesInModel-1 {
					r.Last = End
				}
				if n := len(want); n > 0 && want[n-1].Exclusive == exclusive && want[n-1].Range.Last+1 == r.First {
					want[n-1].Range.Last = r.Last
				} else {
					want = append(want, Lock{o, r, exclusive})
				}
			}
			if got := table.Held(uint64(f), o); !slices.Equal(got, want) {
				t.Fatalf("%v holds %v, want %v", o, got, want)
			}
			locks += len(want)
		}
		for i := range m.bytes[f] {
			for o, e := range m.bytes[f][i] {
				for p, x := range m.bytes[f][i] {
					if o != p && (e || x) {
						t.Fatalf("byte %d is held by %v and %v", i, o, p)
					}
				}
			}
		}
	}
	if table.Len() != locks {
		t.Fatalf("the table counts %d, there are %d", table.Len(), locks)
	}
	if locks == 0 && (len(table.files) != 0 || len(table.waiting) != 0 || len(table.counts) != 0) {
		t.Fatal("an empty table is not empty")
	}
}

func lock(who string, first, last uint64, exclusive bool) Lock {
	return Lock{Owner{Client: Client(who)}, Range{first, last}, exclusive}
}

func take(t *testing.T, table *Table, file uint64, l Lock) {
	t.Helper()
	c, bar, err := table.Claim(file, l, false)
	if err != nil || bar != nil {
		t.Fatalf("%+v: barred by %+v, %v", l, bar, err)
	}
	table.Settle(c)
}

func TestQueueKeepsItsOrder(t *testing.T) {
	table := New()
	take(t, table, 1, lock("a", 0, End, true))
	var queued []*Claim
	for i := range 5 {
		c, bar, err := table.Claim(1, lock(fmt.Sprint(i), 0, 9, true), true)
		if err != nil || bar == nil || !c.Waiting() {
			t.Fatal(c, bar, err)
		}
		queued = append(queued, c)
	}
	_, ready := table.Unlock(1, Owner{Client: "a"}, Range{0, End})
	for i := range queued {
		if len(ready) != 1 || ready[0] != queued[i] {
			t.Fatalf("after %d: %v", i, ready)
		}
		if i%2 == 0 {
			table.Settle(ready[0])
			_, ready = table.Unlock(1, queued[i].Lock.Owner, Range{0, 9})
		} else {
			ready = table.Withdraw(ready[0])
		}
	}
	if table.Len() != 0 || len(ready) != 0 {
		t.Error("something is left")
	}
}

func TestDeadlockIsSeen(t *testing.T) {
	table := New()
	take(t, table, 1, lock("a", 0, 0, true))
	take(t, table, 2, lock("b", 0, 0, true))
	take(t, table, 3, lock("c", 0, 0, true))
	for file, who := range map[uint64]string{2: "a", 3: "b"} {
		if c, _, err := table.Claim(file, lock(who, 0, 0, true), true); err != nil || !c.Waiting() {
			t.Fatal(err)
		}
	}
	if _, _, err := table.Claim(1, lock("c", 0, 0, false), true); !errors.Is(err, ErrDeadlock) {
		t.Errorf("a circle of three: %v", err)
	}
	if _, bar, err := table.Claim(1, lock("c", 0, 0, false), false); err != nil || bar == nil {
		t.Errorf("nobody waits without waiting: %v", err)
	}
	if _, _, err := table.Claim(1, lock("d", 0, 0, false), true); err != nil {
		t.Errorf("a chain is no circle: %v", err)
	}
}

func TestClaimKeepsWhatWasHeld(t *testing.T) {
	table := New()
	take(t, table, 1, lock("a", 0, 9, false))
	c, bar, err := table.Claim(1, lock("a", 0, 9, true), false)
	if err != nil || bar != nil {
		t.Fatal(bar, err)
	}
	if table.Test(1, lock("b", 3, 3, false)) == nil {
		t.Error("a claim for writing lets readers pass")
	}
	table.Withdraw(c)
	if got := table.Held(1, Owner{Client: "a"}); !slices.Equal(got, []Lock{lock("a", 0, 9, false)}) {
		t.Errorf("after the withdrawal %v", got)
	}
}

func TestShares(t *testing.T) {
	table := New()
	share := func(who string, access, deny Sharing) bool {
		ok, err := table.Share(1, Share{Owner{Client: Client(who)}, access, deny})
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !share("a", Read, Write) || !share("b", Read, 0) || share("c", Write, 0) || share("c", Read, Read) {
		t.Error("reservations that deny each other")
	}
	if !share("a", Read, 0) || !share("c", Write, 0) {
		t.Error("a reservation cannot be changed")
	}
	if !table.Unshare(1, Owner{Client: "b"}) || table.Unshare(1, Owner{Client: "b"}) {
		t.Error("unshare")
	}
	table.Drop("a")
	table.Drop("c")
	if table.Len() != 0 || len(table.files) != 0 {
		t.Error("something is left")
	}
}

func TestOneClientCannotTakeAll(t *testing.T) {
	table := New()
	for i := range uint64(MaxClientLocks) {
		take(t, table, i, lock("a", 0, 0, true))
	}
	if _, _, err := table.Claim(MaxClientLocks, lock("a", 0, 0, true), false); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	take(t, table, MaxClientLocks, lock("b", 0, 0, true))
}
