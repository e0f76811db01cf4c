package farm_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

func TestUsersAndTokens(t *testing.T) {
	w := newWorld(t)
	w.do(farm.SetUser{User: "mara", Grants: &[]access.Grant{{Role: access.Artist}, {Role: access.Artist, Project: "alpha"}}})
	if u, ok := w.f.User("mara"); !ok || len(u.Grants) != 1 || u.Grants[0].String() != "artist" {
		t.Errorf("%+v", u)
	}
	hash := strings.Repeat("ab", 32)
	tok, _ := w.do(farm.AddAPIToken{User: "mara", Hash: hash, Life: time.Hour}).(farm.APIToken)
	for _, c := range []struct {
		command farm.Command
		kind    fault.Kind
	}{
		{farm.SetUser{User: "admin"}, fault.Conflict},
		{farm.SetUser{User: "no good"}, fault.Invalid},
		{farm.SetUser{User: "tom", Grants: &[]access.Grant{{Role: "root"}}}, fault.Invalid},
		{farm.AddAPIToken{User: "tom", Hash: hash, Life: time.Hour}, fault.NotFound},
		{farm.AddAPIToken{User: "mara", Hash: hash}, fault.Invalid},
		{farm.AddAPIToken{User: "mara", Hash: "short", Life: time.Hour}, fault.Invalid},
		{farm.RevokeAPIToken{User: "tom", ID: tok.ID}, fault.NotFound},
		{farm.DeleteUser{User: "tom"}, fault.NotFound},
	} {
		if _, err := w.f.Apply(w.now, farm.By{Deed: access.Deed{Did: "x"}, Do: c.command}); fault.KindOf(err) != c.kind || err == nil {
			t.Errorf("%+v: %v, want %v", c.command, err, c.kind)
		}
	}
	if b := w.f.Changes(); len(b.Deeds) != 0 {
		t.Errorf("what was refused is audited: %+v", b.Deeds)
	}
	w.do(farm.DeleteUser{User: "mara"})
	if b := w.f.Changes(); len(b.OldAPITokens) != 1 || len(b.OldUsers) != 1 || len(w.f.APITokens()) != 0 {
		t.Errorf("%+v", b)
	}
	if err := w.f.Check(); err != nil {
		t.Error(err)
	}
}

// TestDeedsStandInTheBatchOfTheirChange: once each, for every job of a bulk, and cut off when they are long.
func TestDeedsStandInTheBatchOfTheirChange(t *testing.T) {
	w := newWorld(t)
	deed := access.Deed{Caller: access.Caller{Name: "mara", Token: "t1", From: "10.0.0.7"}, Did: "job submit", Detail: strings.Repeat("ä", 3000)}
	id, _ := w.do(farm.By{Deed: deed, Do: farm.SubmitJob{Name: "shot", Steps: []farm.NewStep{{Name: "Render", Units: 1}}}}).(farm.JobID)
	second, _ := w.do(farm.By{Deed: deed, Do: farm.SubmitJob{Name: "shot", Steps: []farm.NewStep{{Name: "Render", Units: 1}}}}).(farm.JobID)
	b := w.f.Changes()
	if len(b.Deeds) != 2 || len(b.Jobs) != 2 || b.Deeds[0].On != string(id) || b.Deeds[1].On != string(second) || b.Deeds[0].Who != "mara" || b.Deeds[0].From != "10.0.0.7" {
		t.Fatalf("%+v", b.Deeds)
	}
	if n := len(b.Deeds[0].Detail); n > 2000+len("…") || !strings.HasSuffix(b.Deeds[0].Detail, "ä…") {
		t.Errorf("a detail of %d bytes ends with %q", n, b.Deeds[0].Detail[n-6:])
	}
	deed.Did = "job cancel"
	sees := func(farm.Belongs) bool { return true }
	may := func(farm.Belongs) error { return errors.New("no") }
	w.do(farm.By{Deed: deed, Do: farm.ForJobs{Verb: farm.VerbCancel, Sees: sees, May: may}})
	if b := w.f.Changes(); len(b.Deeds) != 0 {
		t.Errorf("nothing was done, and is audited: %+v", b.Deeds)
	}
	w.do(farm.By{Deed: deed, Do: farm.ForJobs{Verb: farm.VerbCancel}})
	if b := w.f.Changes(); len(b.Deeds) != 2 || b.Deeds[0].On != string(id) {
		t.Errorf("%+v", b.Deeds)
	}
}
