package blob

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// journal holds what must be finished after a crash, one file for each: SEQUENCE.json while it is under way. A rename
// that is finished stays as SEQUENCE.done for a while: what it noted in Places is not synced there.
type journal struct {
	dir string

	mu      sync.Mutex
	last    uint64   // mu guards these
	done    []string // oldest first
	pending []string // to be finished before anything else
}

// record is one thing under way: exactly one field is set.
type record struct {
	Move   *moveRecord   `json:"move,omitempty"`
	Upload *uploadRecord `json:"upload,omitempty"`
}

// moveRecord is a rename. Names and identities are any bytes, which JSON keeps as base64.
type moveRecord struct {
	From      string `json:"from"` // keys; those of directories end in "/"
	To        string `json:"to"`
	Nonce     string `json:"nonce"`
	ID        []byte `json:"id"`
	OldParent []byte `json:"oldParent"`
	OldName   []byte `json:"oldName"`
	Parent    []byte `json:"parent"`
	Name      []byte `json:"name"`
	Replaces  string `json:"replaces,omitempty"` // the ETag of what is at To before
	Copied    bool   `json:"copied,omitempty"`   // all is at To; what is left is to delete
	Undo      bool   `json:"undo,omitempty"`     // it cannot be made: what is at To of it is to be deleted
}

// uploadRecord is an upload in parts, to be aborted.
type uploadRecord struct {
	Key string `json:"key"`
	ID  string `json:"id"`
}

const (
	recordUnderWay = ".json"
	recordDone     = ".done"
	keepDone       = 256
	abortPatience  = 30 * time.Second
)

func openJournal(dir string) (*journal, error) {
	if err := stateDir(dir); err != nil {
		return nil, err
	}
	j := &journal{dir: dir}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "journal of the object store")
	}
	for _, f := range files { // in the order of their names
		var n uint64
		name := f.Name()
		if c, err := fmt.Sscanf(name, "%016x", &n); c != 1 || err != nil {
			os.Remove(filepath.Join(dir, name)) // half-written
			continue
		}
		j.last = max(j.last, n)
		switch filepath.Ext(name) {
		case recordUnderWay:
			j.pending = append(j.pending, name)
		case recordDone:
			j.done = append(j.done, name)
		}
	}
	return j, nil
}

// begin writes a record durably and returns its name.
func (j *journal) begin(r record) (string, error) {
	j.mu.Lock()
	j.last++
	name := fmt.Sprintf("%016x%s", j.last, recordUnderWay)
	j.mu.Unlock()
	return name, j.write(name, r)
}

// write replaces a record durably.
func (j *journal) write(name string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "journal")
	}
	if err := writeSynced(j.dir, name, data); err != nil {
		return local(err)
	}
	return nil
}

func writeSynced(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (j *journal) read(name string) (r record, err error) {
	data, err := os.ReadFile(filepath.Join(j.dir, name))
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && r.Move == nil && r.Upload == nil {
		err = errors.New("empty")
	}
	return r, err
}

// finish keeps a record as done.
func (j *journal) finish(name string) {
	done := strings.TrimSuffix(name, recordUnderWay) + recordDone
	if os.Rename(filepath.Join(j.dir, name), filepath.Join(j.dir, done)) != nil {
		return // it will be found to be finished after a restart
	}
	j.mu.Lock()
	j.done = append(j.done, done)
	var old []string
	if n := len(j.done) - keepDone; n > 0 {
		old = slices.Clone(j.done[:n])
		j.done = slices.Delete(j.done, 0, n)
	}
	j.mu.Unlock()
	for _, name := range old {
		os.Remove(filepath.Join(j.dir, name))
	}
}

// forget removes a record. One that stays is found to be finished after a restart.
func (j *journal) forget(name string) { os.Remove(filepath.Join(j.dir, name)) }

// finished returns the renames that were finished, oldest first.
func (j *journal) finished() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.done)
}

// next returns a record to finish, or calls settled when there is none.
func (j *journal) next(settled func()) (string, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.pending) == 0 {
		settled()
		return "", false
	}
	return j.pending[0], true
}

// took says that next's record is finished.
func (j *journal) took(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = slices.DeleteFunc(j.pending, func(p string) bool { return p == name })
}
