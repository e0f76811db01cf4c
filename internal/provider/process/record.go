package process

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

const recordName = "instance.json"

// record is what is kept of a machine on disk, written before its first process starts.
type record struct {
	Name    string    `json:"name"`
	Pool    string    `json:"pool"`
	ID      string    `json:"id"` // NAME@RANDOM
	Created time.Time `json:"created"`
}

func (r record) running() bool { return len(FindByEnv(Variable, r.ID)) > 0 }

func (r record) instance() provider.Instance {
	return provider.Instance{Name: r.Name, Pool: r.Pool, ID: r.ID, Created: r.Created, Running: r.running()}
}

// read returns a machine's record. None is fs.ErrNotExist.
func (p *Provider) read(name string) (record, error) {
	var rec record
	path := filepath.Join(p.dir(name), recordName)
	data, err := os.ReadFile(path)
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(data, &rec); err != nil || rec.Name != name || !strings.HasPrefix(rec.ID, name+"@") {
		return rec, fault.WithHint(fault.New(fault.Internal, "the record of machine %s is damaged", name),
			"end its processes (%s=%s@… in their environment), then remove %s", Variable, name, path)
	}
	return rec, nil
}

// write replaces a machine's record; a crash leaves the old one, the new one or none.
func (p *Provider) write(rec record) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(p.dir(rec.Name), ".instance-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(p.dir(rec.Name), recordName))
}
