package filer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/filer/locktable"
	"github.com/spillway/spillway/nfs"
)

// oneRecord is an index that has one record.
type oneRecord struct {
	KV
	key, value []byte
}

func (k oneRecord) Get(key []byte) ([]byte, error) {
	if bytes.Equal(key, k.key) {
		return k.value, nil
	}
	return nil, nil
}

func (k oneRecord) Scan(prefix []byte, fn func(key, value []byte) error) error {
	if !bytes.HasPrefix(k.key, prefix) {
		return nil
	}
	return fn(k.key, k.value)
}

// FuzzIndexRecord gives bytes to the readers of the index's records that are JSON: sessions, receipts, what was set aside,
// counters, priming jobs and clients with locks. They may refuse a record; what they accept must be what they were given
// under that key.
func FuzzIndexRecord(f *testing.F) {
	add := func(key []byte, record any) {
		v, err := json.Marshal(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(key, v)
	}
	add(inodeKey('s', 3), sessionRecord{ID: 3, Owner: "agent/n", Secret: "s"})
	add(inodeKey('r', 7), receiptRecord{Receipt: Receipt{Path: "/nas/a", Size: 5, Mtime: time.Unix(1, 2)}, FileID: 7})
	add(inodeKey('a', 7), Aside{Inode: 7, Gen: 8})
	add(targetKey('c', 1), trafficRecord{Demand: 1})
	add(primeKey("j"), PrimeJob{Name: "j", Manifest: []byte("/nas/a\n")})
	add(append([]byte{'n'}, "client"...), lockClient{Name: "ws1"})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if len(key) == 0 {
			return
		}
		kv := oneRecord{key: key, value: value}
		filer := &Filer{kv: kv}
		if s, err := openSessions(kv); err == nil && key[0] == 's' {
			if id := binary.BigEndian.Uint64(key[1:]); s.byID[id] == nil {
				t.Errorf("session %d is not there", id)
			}
		}
		if j, err := openPrimeJobs(filer); err == nil && key[0] == 'j' {
			for name, job := range j.all {
				if name != job.Name || job.State == primeRunning || job.m == nil && job.State != primeComplete {
					t.Errorf("job %q: %+v", name, job.PrimeJob)
				}
			}
		}
		if _, err := filer.Asides(); err != nil {
			t.Errorf("set aside: %v", err)
		}
		l := &locks{f: filer, clients: map[locktable.Client]*lockClient{}}
		if err := l.loadClients(); err == nil && key[0] == 'n' && len(l.clients) != 1 {
			t.Error("a client that was read is not there")
		}
		if err := (&target{id: 1}).load(kv); err != nil {
			t.Errorf("counters: %v", err)
		}
		r, err := openReceipts(kv)
		if err != nil {
			t.Fatal(err)
		}
		if len(key) == 9 && key[0] == 'r' {
			if ok, err := r.valid(binary.BigEndian.Uint64(key[1:]), &nfs.Attr{Size: 1}); err != nil || ok && !bytes.Contains(value, []byte("1")) {
				t.Errorf("valid: %v, %v", ok, err)
			}
		}
	})
}
