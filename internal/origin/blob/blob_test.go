package blob_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/blobtest"
	"github.com/spillway/spillway/internal/origin/origintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var me = origin.Cred{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}

// open opens an origin over a store, owned by whoever runs the test.
func open(t *testing.T, store blob.Store, edit ...func(*blob.Config)) *blob.Origin {
	t.Helper()
	cfg := blob.Config{Store: store, Name: "test:bucket", Dir: t.TempDir(), Defaults: blob.Defaults{UID: me.UID, GID: me.GID}, PartSize: 1 << 20}
	for _, e := range edit {
		e(&cfg)
	}
	o, err := blob.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestConformance(t *testing.T) {
	for name, c := range map[string]struct {
		prefix string
		edit   func(*blobtest.Memory)
	}{
		"whole bucket":      {"", func(*blobtest.Memory) {}},
		"part of a bucket":  {"some/where", func(*blobtest.Memory) {}},
		"content tags":      {"", func(m *blobtest.Memory) { m.ContentTags = true }},
		"small pages":       {"p", func(m *blobtest.Memory) { m.PageSize = 7 }},
		"props in listings": {"", func(m *blobtest.Memory) { m.PropsInLists = true }},
	} {
		t.Run(name, func(t *testing.T) {
			origintest.Run(t, func(t *testing.T) origin.Origin {
				m := blobtest.NewMemory()
				c.edit(m)
				return open(t, m, func(cfg *blob.Config) { cfg.Prefix = c.prefix })
			})
		})
	}
}
