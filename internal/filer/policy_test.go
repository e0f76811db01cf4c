package filer

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

func no() *bool { return new(bool) }

func TestRulesMatchByHostThenNetworkThenDefault(t *testing.T) {
	rules := []PolicyRule{
		{Scope: "default", Access: "ro"},
		{Scope: "network", Filter: "10.1.0.0/16", Access: "no"},
		{Scope: "network", Filter: "10.0.0.0/8", Access: "rw"},
		{Scope: "network", Filter: "2001:db8::/32", Access: "rw"},
		{Scope: "host", Filter: "10.1.2.3", Access: "rw", RootSquash: true},
		{Scope: "host", Filter: "10.1.2.3", Access: "no"},
		{Scope: "host", Filter: "Render-01.studio.example.", Access: "no"},
	}
	p, err := newPolicy(rules, map[string][]netip.Addr{"render-01.studio.example": {netip.MustParseAddr("10.7.7.7")}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from memory
		for client, want := range map[string]access{
			"10.1.2.3": accessWrite, "::ffff:10.1.2.3": accessWrite, "10.1.2.4": accessNone, "10.2.0.1": accessWrite,
			"192.168.0.1": accessRead, "2001:db8::1": accessWrite, "fe80::1%eth0": accessRead, "10.7.7.7": accessNone,
		} {
			got := accessNone
			if r := p.rule(netip.MustParseAddr(client)); r != nil {
				got = r.access
			}
			if got != want {
				t.Errorf("%s has access %d, want %d", client, got, want)
			}
		}
	}
	if p, err = newPolicy(rules[1:2], nil); err != nil || p.rule(netip.MustParseAddr("192.0.2.1")) != nil {
		t.Error("a client that no rule matches is let in")
	}
	if _, err := newPolicy([]PolicyRule{{Scope: "default", Access: "ro"}, {Scope: "default", Access: "rw"}}, nil); err == nil {
		t.Error("two defaults were taken")
	}
}

// What a policy decides does not depend on how rules of different scopes are mixed, nor on what was asked before.
func TestDecisionsHaveNoMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := rapid.Custom(func(t *rapid.T) netip.Addr {
			return netip.AddrFrom4([4]byte{10, 0, byte(rapid.IntRange(0, 2).Draw(t, "b")), byte(rapid.IntRange(0, 3).Draw(t, "c"))})
		})
		access := rapid.SampledFrom([]string{"no", "ro", "rw"})
		var rules []PolicyRule
		for range rapid.IntRange(0, 6).Draw(t, "rules") {
			r := PolicyRule{Scope: rapid.SampledFrom([]string{"host", "network"}).Draw(t, "scope"), Access: access.Draw(t, "access")}
			a := addr.Draw(t, "filter")
			if r.Filter = a.String(); r.Scope == "network" {
				r.Filter = netip.PrefixFrom(a, rapid.IntRange(22, 32).Draw(t, "bits")).Masked().String()
			}
			rules = append(rules, r)
		}
		if rapid.Bool().Draw(t, "default") {
			rules = append(rules, PolicyRule{Scope: "default", Access: access.Draw(t, "access")})
		}
		p, err := newPolicy(rules, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, client := range rapid.SliceOf(addr).Draw(t, "clients") {
			want := "no"
		scopes:
			for _, scope := range []string{"host", "network", "default"} {
				for _, r := range rules {
					hit := scope == "default" || scope == "host" && r.Filter == client.String() ||
						scope == "network" && r.Scope == scope && netip.MustParsePrefix(r.Filter).Contains(client)
					if r.Scope == scope && hit {
						want = r.Access
						break scopes
					}
				}
			}
			got := "no"
			if r := p.rule(client); r != nil {
				got = map[bool]string{true: "rw", false: "ro"}[r.access == accessWrite]
			}
			if got != want {
				t.Fatalf("%s: %s, want %s under %+v", client, got, want, rules)
			}
		}
	})
}

func TestSquash(t *testing.T) {
	rule := func(r PolicyRule) *rule {
		r.Scope, r.Access = "default", "rw"
		p, err := r.parse()
		if err != nil {
			t.Fatal(err)
		}
		return &p
	}
	root := origin.Cred{UID: 0, GID: 0, GIDs: []uint32{0, 4, 5}}
	for name, c := range map[string]struct {
		rule     PolicyRule
		as, want origin.Cred
		denied   bool
	}{
		"off":                {PolicyRule{}, root, root, false},
		"root":               {PolicyRule{RootSquash: true}, root, origin.Cred{UID: 65534, GID: 65534}, false},
		"chosen":             {PolicyRule{RootSquash: true, AnonymousUID: "99"}, root, origin.Cred{UID: 99, GID: 99}, false},
		"chosen group":       {PolicyRule{RootSquash: true, AnonymousUID: "99", AnonymousGID: "7"}, root, origin.Cred{UID: 99, GID: 7}, false},
		"old nobody":         {PolicyRule{RootSquash: true, AnonymousUID: "-2"}, root, origin.Cred{UID: 65534, GID: 65534}, false},
		"no access":          {PolicyRule{RootSquash: true, AnonymousUID: "65535"}, root, origin.Cred{}, true},
		"old no access":      {PolicyRule{RootSquash: true, AnonymousUID: "-1"}, root, origin.Cred{}, true},
		"somebody":           {PolicyRule{RootSquash: true, AnonymousUID: "-1"}, origin.Cred{UID: 7, GID: 8}, origin.Cred{UID: 7, GID: 8}, false},
		"root's groups only": {PolicyRule{RootSquash: true}, origin.Cred{UID: 7, GID: 0, GIDs: []uint32{3, 0}}, origin.Cred{UID: 7, GID: 65534, GIDs: []uint32{3}}, false},
	} {
		got, err := rule(c.rule).as(c.as)
		if c.denied != errors.Is(err, nfs.ErrAcces) || !c.denied && (got.UID != c.want.UID || got.GID != c.want.GID || !slices.Equal(got.GIDs, c.want.GIDs)) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	if !slices.Equal(root.GIDs, []uint32{0, 4, 5}) {
		t.Error("a credential that calls share was changed")
	}
}

func TestMistakesInPolicies(t *testing.T) {
	for text, want := range map[string]string{
		"{scope: hosts, filter: 10.0.0.1, access: rw}":                 `want host, network or default, got "hosts"`,
		"{scope: host, filter: 10.0.0.300, access: rw}":                `got "10.0.0.300"`,
		"{scope: host, access: rw}":                                    `got ""`,
		"{scope: network, filter: 10.0.0.1/8, access: rw}":             "did you mean 10.0.0.0/8",
		"{scope: network, filter: 10.0.0.1, access: rw}":               "a network such as",
		"{scope: default, filter: 10.0.0.1, access: rw}":               "has no filter",
		"{scope: default, access: read}":                               "want no, ro or rw",
		"{scope: default, access: rw, anonymousUID: nobody}":           `got "nobody"`,
		"{scope: default, access: rw, rootsquash: true}":               `did you mean "rootSquash"?`,
		"{scope: default, access: rw, anonymousUID: 99999999999}":      "want a number",
		"{scope: network, filter: 10.0.0.0/8, access: ro, suid: what}": "want true or false",
	} {
		var file File
		err := config.Decode("filer.yaml", []byte("policies:\n  farm:\n    - "+text+"\n"), &file)
		ms := config.MistakesOf(err)
		if len(ms) == 0 || fault.KindOf(err) != fault.Invalid || ms[0].Line != 3 || !slices.ContainsFunc(ms, func(m config.Mistake) bool {
			return strings.Contains(m.String(), want) && strings.Contains(m.String(), "^")
		}) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("host", "10.0.0.1", "rw", "65534", "-1")
	f.Add("network", "fd00::/8", "ro", "", "")
	f.Add("host", "a.b-c.example.", "no", "-2", "x")
	f.Fuzz(func(t *testing.T, scope, filter, access, uid, gid string) {
		r := PolicyRule{Scope: scope, Filter: filter, Access: access, AnonymousUID: uid, AnonymousGID: gid}
		p, err := newPolicy([]PolicyRule{r}, map[string][]netip.Addr{filter: {netip.MustParseAddr("10.0.0.1")}})
		if (err == nil) != (r.Validate() == nil) {
			t.Fatalf("checked as %v, compiled as %v", r.Validate(), err)
		}
		if err == nil {
			p.rule(netip.MustParseAddr("10.0.0.1"))
		}
	})
}

// under serves three exports of one folder, each under a policy of its own.
func under(t *testing.T, policies map[string][]PolicyRule) (*running, string) {
	t.Helper()
	dir, o := folder(t)
	writeFile(t, filepath.Join(dir, "sub", "f"), []byte("content"))
	cfg := Config{Policies: policies}
	for name := range policies {
		cfg.Exports = append(cfg.Exports, Export{Path: "/" + name, Origin: o, Policy: name})
	}
	return start(t, cfg), dir
}

func TestPolicyKeepsClientsOut(t *testing.T) {
	f, _ := under(t, map[string][]PolicyRule{
		"open":   {{Scope: "default", Access: "rw"}},
		"closed": {{Scope: "network", Filter: "10.0.0.0/8", Access: "rw"}, {Scope: "default", Access: "no"}},
		"whole":  {{Scope: "host", Filter: "127.0.0.1", Access: "ro", SubmountAccess: no()}},
	})
	c := dial(t, f.addr, "/open")
	for _, p := range []string{"/closed", "/closed/sub", "/whole/sub"} {
		if _, err := c.Mnt(t.Context(), nil, p); !errors.Is(err, nfs.ErrAcces) {
			t.Errorf("mount %s: %v, want access denied", p, err)
		}
	}
	exports, err := c.Exports(t.Context(), nil)
	if err != nil || len(exports) != 2 || exports[0].Dir == "/closed" || exports[1].Dir == "/closed" {
		t.Errorf("exports %v, %v: want /open and /whole", exports, err)
	}
	closed := f.exportAt("/closed")
	root, err := f.rootOfExport(t.Context(), closed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.table.put(root)
	stolen := f.seal.seal(handle{closed.id, root.id, 0})
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: stolen}); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("a handle of a closed export: %v, want access denied", err)
	}
	top := c.look(c.look(c.root, ".."), ".")
	if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: top, Name: "closed"}); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("walked into a closed export: %v", err)
	}
	if got := c.names(top); !slices.Equal(got, []string{"open", "whole"}) {
		t.Errorf("the root of the tree lists %v", got)
	}

	// Opened without a restart.
	f.policyRules["closed"] = []PolicyRule{{Scope: "default", Access: "rw"}}
	if err := f.applyPolicies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: stolen}); err != nil {
		t.Errorf("after it was opened: %v", err)
	}
}

func TestNobodySeesATreeWithoutExports(t *testing.T) {
	f, _ := under(t, map[string][]PolicyRule{"closed": {{Scope: "network", Filter: "10.0.0.0/8", Access: "rw"}}})
	c, err := nfs.Dial(t.Context(), f.addr, nfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Mnt(t.Context(), nil, "/"); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("mounted the root of the tree: %v", err)
	}
	if all, err := c.Exports(t.Context(), nil); err != nil || len(all) != 0 {
		t.Errorf("exports %v, %v", all, err)
	}
	if all, err := c.Mounts(t.Context(), nil); err != nil || len(all) != 0 {
		t.Errorf("mounts %v, %v", all, err)
	}
	// A mount session has proved who it is, whatever its address.
	_, path, err := f.OpenSession("agent/a", "k", "/closed")
	if err != nil {
		t.Fatal(err)
	}
	node := dial(t, f.addr, path)
	node.make(node.root, "frame")
	if up := node.look(node.root, ".."); up != node.root {
		t.Error("a session left its export")
	}
}

func TestReadOnlyExport(t *testing.T) {
	f, dir := under(t, map[string][]PolicyRule{"ro": {{Scope: "default", Access: "ro"}}})
	c := dial(t, f.addr, "/ro")
	sub := c.look(c.root, "sub")
	file := c.look(sub, "f")
	c.wantContent(file, []byte("content"))
	ctx := t.Context()
	changes := map[string]func() error{
		"create": func() error { _, err := c.Create(ctx, nil, nfs.CreateArgs{Dir: sub, Name: "n"}); return err },
		"mkdir":  func() error { _, err := c.Mkdir(ctx, nil, nfs.MkdirArgs{Dir: sub, Name: "n"}); return err },
		"symlink": func() error {
			_, err := c.Symlink(ctx, nil, nfs.SymlinkArgs{Dir: sub, Name: "n", Target: "f"})
			return err
		},
		"mknod": func() error {
			_, err := c.Mknod(ctx, nil, nfs.MknodArgs{Dir: sub, Name: "n", Type: nfs.TypeFIFO})
			return err
		},
		"remove": func() error { _, err := c.Remove(ctx, nil, nfs.RemoveArgs{Dir: sub, Name: "f"}); return err },
		"rmdir":  func() error { _, err := c.Rmdir(ctx, nil, nfs.RmdirArgs{Dir: c.root, Name: "sub"}); return err },
		"rename": func() error {
			_, err := c.Rename(ctx, nil, nfs.RenameArgs{FromDir: sub, FromName: "f", ToDir: sub, ToName: "g"})
			return err
		},
		"link": func() error { _, err := c.Link(ctx, nil, nfs.LinkArgs{Object: file, Dir: sub, Name: "n"}); return err },
		"setattr": func() error {
			_, err := c.Setattr(ctx, nil, nfs.SetattrArgs{Object: file, Attr: nfs.SetAttr{Mode: nfs.Set32(0)}})
			return err
		},
		"write":  func() error { _, err := c.Write(ctx, nil, nfs.WriteArgs{File: file, Data: []byte("x")}); return err },
		"commit": func() error { _, err := c.Commit(ctx, nil, nfs.CommitArgs{File: file}); return err },
	}
	for name, change := range changes {
		if err := change(); !errors.Is(err, nfs.ErrROFS) {
			t.Errorf("%s: %v, want read-only", name, err)
		}
	}
	all := nfs.AccessRead | nfs.AccessModify | nfs.AccessExtend | nfs.AccessDelete | nfs.AccessLookup
	got, err := c.Access(ctx, nil, nfs.AccessArgs{Object: sub, Access: all})
	if err != nil || got.Access != nfs.AccessRead|nfs.AccessLookup {
		t.Errorf("access %x, %v: want reading alone", got.Access, err)
	}
	if string(readFile(t, filepath.Join(dir, "sub", "f"))) != "content" {
		t.Error("the file was changed")
	}
}

func TestRootSquashReachesTheStorage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: callers are themselves only then")
	}
	f, dir := under(t, map[string][]PolicyRule{
		"squashed": {{Scope: "default", Access: "rw", RootSquash: true, AnonymousUID: "1234", AnonymousGID: "77"}},
		"trusted":  {{Scope: "default", Access: "rw"}},
	})
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	c, r := dial(t, f.addr, "/squashed"), dial(t, f.addr, "/trusted")
	made := c.make(c.root, "anonymous")
	a, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: made})
	if err != nil || a.Attr.UID != 1234 || a.Attr.GID != 77 {
		t.Errorf("a squashed root made a file of %d:%d, %v", a.Attr.UID, a.Attr.GID, err)
	}
	r.make(r.root, "private")
	if err := os.Chmod(filepath.Join(dir, "private"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context(), nil, nfs.ReadArgs{File: c.look(c.root, "private"), Count: 10}, nil); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("a squashed root read root's file: %v", err)
	}
}

func TestHostNamesAreFollowed(t *testing.T) {
	dir, o := folder(t)
	writeFile(t, filepath.Join(dir, "f"), nil)
	at := "10.9.9.9"
	f := start(t, Config{
		Exports:  []Export{{Path: "/nas", Origin: o}},
		Policies: map[string][]PolicyRule{"default": {{Scope: "host", Filter: "ws1.studio.example", Access: "rw"}}},
		resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "ws1.studio.example" || at == "" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr(at)}, nil
		},
	})
	c, err := nfs.Dial(t.Context(), f.addr, nfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mounts := func(want bool) {
		t.Helper()
		if _, err := c.Mnt(t.Context(), nil, "/nas"); (err == nil) != want {
			t.Errorf("with the name at %q: %v", at, err)
		}
	}
	mounts(false)
	for _, now := range []string{"127.0.0.1", ""} { // a name service that is away changes nothing
		at = now
		if err := f.applyPolicies(t.Context()); err != nil {
			t.Fatal(err)
		}
		mounts(true)
	}
}

func TestSUIDBits(t *testing.T) {
	f, dir := under(t, map[string][]PolicyRule{
		"without": {{Scope: "default", Access: "rw"}},
		"with":    {{Scope: "default", Access: "rw", SUID: true}},
	})
	tool := filepath.Join(dir, "tool")
	writeFile(t, tool, nil)
	if err := os.Chmod(tool, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	mode := func(c *client) (modes []uint32) {
		r, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: c.root, Name: "tool"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Readdirplus(t.Context(), nil, nfs.ReaddirplusArgs{Dir: c.root, DirCount: 8192, MaxCount: 32768})
		if err != nil {
			t.Fatal(err)
		}
		modes = append(modes, c.attr(r.Object).Mode)
		for _, e := range p.Entries {
			if e.Name == "tool" {
				modes = append(modes, e.Attr.Attr.Mode)
			}
		}
		return modes
	}
	with, without := dial(t, f.addr, "/with"), dial(t, f.addr, "/without")
	if got := mode(with); !slices.Equal(got, []uint32{0o4755, 0o4755}) {
		t.Errorf("with suid: %o", got)
	}
	if got := mode(without); !slices.Equal(got, []uint32{0o755, 0o755}) {
		t.Errorf("without suid: %o", got)
	}
	set := func(c *client) uint32 {
		h := c.look(c.root, "tool")
		if _, err := c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Mode: nfs.Set32(0o6755)}}); err != nil {
			t.Fatal(err)
		}
		return with.attr(with.look(with.root, "tool")).Mode
	}
	if got := set(without); got != 0o755 {
		t.Errorf("set without suid: %o", got)
	}
	if got := set(with); got != 0o6755 {
		t.Errorf("set with suid: %o", got)
	}
}
