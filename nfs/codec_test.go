package nfs

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spillway/spillway/nfs/xdr"
)

// codec is what all arguments and results have.
type codec interface {
	encode(b []byte) []byte
	decode(d *xdr.Decoder)
}

var (
	sampleHandle, _ = NewHandle([]byte("handle of seventeen"))
	sampleAttr      = Attr{
		Type: TypeRegular, Mode: 0o4755, Nlink: 2, UID: 1001, GID: 1002, Size: 1 << 40, Used: 4096, Rdev: Device{Major: 8, Minor: 1},
		FSID: 77, FileID: 88, Atime: Time{Sec: 1, Nsec: 2}, Mtime: Time{Sec: 3, Nsec: 4}, Ctime: Time{Sec: 1<<32 - 1, Nsec: 999_999_999},
	}
	sampleSet = SetAttr{
		Mode: Set32(0o640), UID: Set32(0), GID: Set32(1<<32 - 1), Size: Set64(9),
		Atime: SetTime{How: SetToServerTime}, Mtime: SetTimeTo(Time{Sec: 6, Nsec: 7}),
	}
	sampleWcc = WccData{
		Before: OptPreAttr{Present: true, Attr: PreAttr{Size: 5, Mtime: Time{Sec: 1}, Ctime: Time{Nsec: 2}}},
		After:  WithAttr(sampleAttr),
	}
	sampleVerifier = Verifier{1, 2, 3, 4, 5, 6, 7, 8}
)

// argSamples has values of every kind of arguments, by procedure.
func argSamples() map[Proc][]codec {
	return map[Proc][]codec{
		ProcGetattr:  {&GetattrArgs{}, &GetattrArgs{Object: sampleHandle}},
		ProcSetattr:  {&SetattrArgs{}, &SetattrArgs{Object: sampleHandle, Attr: sampleSet, Guarded: true, Ctime: Time{Sec: 3}}},
		ProcLookup:   {&LookupArgs{Dir: sampleHandle, Name: "Bärenhöhle \xff\xfe.blend"}},
		ProcAccess:   {&AccessArgs{Object: sampleHandle, Access: AccessRead | AccessExecute}},
		ProcReadlink: {&ReadlinkArgs{Object: sampleHandle}},
		ProcRead:     {&ReadArgs{File: sampleHandle, Offset: 1 << 63, Count: 4096}},
		ProcWrite:    {&WriteArgs{File: sampleHandle, Offset: 7, Stable: FileSync, Data: []byte("abcde")}, &WriteArgs{}},
		ProcCreate: {
			&CreateArgs{Dir: sampleHandle, Name: "n", How: Guarded, Attr: sampleSet},
			&CreateArgs{Dir: sampleHandle, Name: "n", How: Exclusive, Verifier: sampleVerifier},
		},
		ProcMkdir:   {&MkdirArgs{Dir: sampleHandle, Name: "d", Attr: sampleSet}},
		ProcSymlink: {&SymlinkArgs{Dir: sampleHandle, Name: "s", Attr: sampleSet, Target: "../target"}},
		ProcMknod: {
			&MknodArgs{Dir: sampleHandle, Name: "c", Type: TypeChar, Attr: sampleSet, Device: Device{Major: 1, Minor: 3}},
			&MknodArgs{Dir: sampleHandle, Name: "p", Type: TypeFIFO, Attr: sampleSet},
			&MknodArgs{Dir: sampleHandle, Name: "x", Type: TypeRegular},
		},
		ProcRemove:      {&RemoveArgs{Dir: sampleHandle, Name: "gone"}},
		ProcRmdir:       {&RmdirArgs{Dir: sampleHandle, Name: "gone"}},
		ProcRename:      {&RenameArgs{FromDir: sampleHandle, FromName: "a", ToName: "b"}},
		ProcLink:        {&LinkArgs{Object: sampleHandle, Name: "b"}},
		ProcReaddir:     {&ReaddirArgs{Dir: sampleHandle, Cookie: 9, Verifier: sampleVerifier, Count: 4096}},
		ProcReaddirplus: {&ReaddirplusArgs{Dir: sampleHandle, Cookie: 9, Verifier: sampleVerifier, DirCount: 512, MaxCount: 4096}},
		ProcFsstat:      {&FsstatArgs{Root: sampleHandle}},
		ProcFsinfo:      {&FsinfoArgs{Root: sampleHandle}},
		ProcPathconf:    {&PathconfArgs{Object: sampleHandle}},
		ProcCommit:      {&CommitArgs{File: sampleHandle, Offset: 1, Count: 2}},
	}
}

// resultSamples has values of every kind of results, by procedure.
func resultSamples() map[Proc][]codec {
	opt := WithAttr(sampleAttr)
	made := func() []codec {
		return []codec{
			&NewResult{Object: WithHandle(sampleHandle), Attr: opt, DirWcc: sampleWcc},
			&NewResult{Status: ErrExist, DirWcc: sampleWcc},
		}
	}
	entry := DirEntry{FileID: 4, Name: "name", Cookie: 5}
	plus := DirEntry{FileID: 4, Name: "name", Cookie: 5, Attr: opt, Handle: WithHandle(sampleHandle)}
	return map[Proc][]codec{
		ProcGetattr:     {&GetattrResult{Attr: sampleAttr}, &GetattrResult{Status: ErrStale}},
		ProcSetattr:     {&SetattrResult{Wcc: sampleWcc}, &SetattrResult{Status: ErrNotSync, Wcc: sampleWcc}},
		ProcLookup:      {&LookupResult{Object: sampleHandle, Attr: opt, DirAttr: opt}, &LookupResult{Status: ErrNoEnt, DirAttr: opt}},
		ProcAccess:      {&AccessResult{Attr: opt, Access: AccessModify}, &AccessResult{Status: ErrIO}},
		ProcReadlink:    {&ReadlinkResult{Attr: opt, Target: "t"}, &ReadlinkResult{Status: ErrInval, Attr: opt}},
		ProcRead:        {&ReadResult{Attr: opt, EOF: true, Data: []byte("abc")}, &ReadResult{Status: ErrIO, Attr: opt}},
		ProcWrite:       {&WriteResult{Wcc: sampleWcc, Count: 3, Committed: DataSync, Verifier: sampleVerifier}, &WriteResult{Status: ErrNoSpc}},
		ProcCreate:      made(),
		ProcMkdir:       made(),
		ProcSymlink:     made(),
		ProcMknod:       made(),
		ProcRemove:      {&RemoveResult{DirWcc: sampleWcc}},
		ProcRmdir:       {&RmdirResult{Status: ErrNotEmpty, DirWcc: sampleWcc}},
		ProcRename:      {&RenameResult{FromWcc: sampleWcc}},
		ProcLink:        {&LinkResult{Attr: opt, DirWcc: sampleWcc}},
		ProcReaddir:     {&ReaddirResult{DirAttr: opt, Verifier: sampleVerifier, Entries: []DirEntry{entry, entry}, EOF: true}},
		ProcReaddirplus: {&ReaddirResult{DirAttr: opt, Entries: []DirEntry{plus, entry}, plus: true}, &ReaddirResult{Status: ErrNotDir, plus: true}},
		ProcFsstat:      {&FsstatResult{Attr: opt, TotalBytes: 1, FreeBytes: 2, AvailBytes: 3, TotalFiles: 4, FreeFiles: 5, AvailFiles: 6, Invarsec: 7}},
		ProcFsinfo:      {&FsinfoResult{Attr: opt, ReadMax: 1, ReadPref: 2, ReadMult: 3, WriteMax: 4, WritePref: 5, WriteMult: 6, DirPref: 7, MaxFileSize: 8, TimeDelta: Time{Nsec: 9}, Properties: PropLink}},
		ProcPathconf:    {&PathconfResult{LinkMax: 1, NameMax: 2, NoTrunc: true, CasePreserving: true}, &PathconfResult{Status: ErrIO}},
		ProcCommit:      {&CommitResult{Wcc: sampleWcc, Verifier: sampleVerifier}, &CommitResult{Status: ErrIO}},
	}
}

func mountSamples() []codec {
	return []codec{
		&MntArgs{Path: "/nas"}, &UmntArgs{Path: "/nas"},
		&MntResult{Root: sampleHandle, Flavors: []uint32{1, 6}}, &MntResult{Status: ErrAcces},
		&DumpResult{Mounts: []MountEntry{{Host: "h", Dir: "/a"}, {Host: "i", Dir: "/b"}}}, &DumpResult{},
		&ExportResult{Exports: []ExportEntry{{Dir: "/a", Groups: []string{"x", "y"}}, {Dir: "/b"}}},
	}
}

// wire returns the whole encoding: the data of READ and WRITE follow as the message's payload.
func wire(c codec) []byte {
	b := c.encode(nil)
	switch v := c.(type) {
	case *WriteArgs:
		b = xdr.AppendFixed(b, v.Data)
	case *ReadResult:
		if v.Status == OK {
			b = xdr.AppendFixed(b, v.Data)
		}
	}
	return b
}

// blank returns a new value of c's type; a page stays one of READDIR or READDIRPLUS.
func blank(c codec) codec {
	if page, ok := c.(*ReaddirResult); ok {
		return &ReaddirResult{plus: page.plus}
	}
	return reflect.New(reflect.TypeOf(c).Elem()).Interface().(codec)
}

var compare = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmpopts.EquateEmpty(),
}

func TestRoundTrip(t *testing.T) {
	check := func(name string, c codec) {
		t.Helper()
		b := wire(c)
		if len(b)%4 != 0 {
			t.Errorf("%s: %T has %d bytes", name, c, len(b))
		}
		got := blank(c)
		d := xdr.NewDecoder(b)
		got.decode(&d)
		if d.Err() != nil || d.Len() != 0 {
			t.Errorf("%s: %T: %v, %d bytes left", name, c, d.Err(), d.Len())
		}
		if diff := cmp.Diff(c, got, compare); diff != "" {
			t.Errorf("%s (-sent +received):\n%s", name, diff)
		}
		for n := range len(b) { // half of anything is an error, not a panic
			d.Reset(b[:n])
			if blank(c).decode(&d); d.Err() == nil {
				t.Errorf("%s: %T is accepted without its last %d bytes", name, c, len(b)-n)
				break
			}
		}
	}
	for p := ProcGetattr; p <= ProcCommit; p++ {
		if len(argSamples()[p]) == 0 || len(resultSamples()[p]) == 0 {
			t.Errorf("%v has no sample", p)
		}
		for _, c := range append(argSamples()[p], resultSamples()[p]...) {
			check(p.String(), c)
		}
	}
	for _, c := range mountSamples() {
		check("MOUNT", c)
	}
}

// TestWireOfRFC compares with bytes written down by hand from RFC 1813, so that a mistake made on both sides shows.
func TestWireOfRFC(t *testing.T) {
	h, _ := NewHandle([]byte{0xaa, 0xbb, 0xcc})
	for name, c := range map[string]struct {
		value codec
		want  string
	}{
		"LOOKUP": {&LookupArgs{Dir: h, Name: "ab"}, "\x00\x00\x00\x03\xaa\xbb\xcc\x00\x00\x00\x00\x02ab\x00\x00"},
		"WRITE": {
			&WriteArgs{File: h, Offset: 1, Stable: DataSync, Data: []byte("x")},
			"\x00\x00\x00\x03\xaa\xbb\xcc\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01x\x00\x00\x00",
		},
		"COMMIT": {&CommitResult{Status: ErrJukebox}, "\x00\x00\x27\x18\x00\x00\x00\x00\x00\x00\x00\x00"},
		"CREATE": {
			&CreateArgs{Dir: h, Name: "a", How: Exclusive, Verifier: sampleVerifier},
			"\x00\x00\x00\x03\xaa\xbb\xcc\x00\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x02\x01\x02\x03\x04\x05\x06\x07\x08",
		},
		"READDIR": {
			&ReaddirResult{Entries: []DirEntry{{FileID: 2, Name: "a", Cookie: 3}}, EOF: true},
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
				"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01",
		},
	} {
		if got := wire(c.value); !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("%s:\n got %x\nwant %x", name, got, c.want)
		}
	}
}

func TestValuesOutsideEnumerations(t *testing.T) {
	bad := wire(&WriteArgs{File: sampleHandle, Stable: 3})
	d := xdr.NewDecoder(bad)
	if (&WriteArgs{}).decode(&d); d.Err() == nil {
		t.Error("stable_how 3 is accepted")
	}
	d.Reset(wire(&SetattrArgs{Attr: SetAttr{Atime: SetTime{How: 3}}}))
	if (&SetattrArgs{}).decode(&d); d.Err() == nil {
		t.Error("time_how 3 is accepted")
	}
	d.Reset(append(wire(&CreateArgs{Name: "n", How: 3}), make([]byte, 64)...))
	if (&CreateArgs{}).decode(&d); d.Err() == nil {
		t.Error("createmode3 3 is accepted")
	}
	d.Reset(xdr.AppendOpaque(nil, make([]byte, MaxHandle+1)))
	if (&GetattrArgs{}).decode(&d); d.Err() == nil {
		t.Error("a handle of 65 bytes is accepted")
	}
}

func TestPageFillsWhatWasAskedFor(t *testing.T) {
	for _, plus := range []bool{false, true} {
		for count := uint32(100); count < 4000; count += 7 {
			var page ReaddirResult
			page.limit(count, count, plus)
			page.DirAttr = WithAttr(sampleAttr)
			for page.Add(DirEntry{Name: "frame_0001.png", Attr: WithAttr(sampleAttr), Handle: WithHandle(sampleHandle)}) {
			}
			if n := len(page.encode(nil)) - 4; len(page.Entries) > 0 && n > int(count) {
				t.Fatalf("plus %v: %d bytes where %d were asked for", plus, n, count)
			}
		}
	}
	var page ReaddirResult
	page.LimitPlus(64, 1<<20)
	for page.Add(DirEntry{Name: "1234"}) {
	}
	if got := len(page.Entries); got != 2 { // 24 bytes each
		t.Errorf("dircount 64 gave %d entries, want 2", got)
	}
}

// FuzzDecoders gives bytes to every decoder: what it accepts must survive a round trip.
func FuzzDecoders(f *testing.F) {
	for p, all := range argSamples() {
		for _, c := range all {
			f.Add(uint8(p), wire(c))
		}
	}
	for p, all := range resultSamples() {
		for _, c := range all {
			f.Add(uint8(p)+32, wire(c))
		}
	}
	for i, c := range mountSamples() {
		f.Add(uint8(64+i), wire(c))
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		var c codec
		switch args, results, mounts := argSamples()[Proc(which)], resultSamples()[Proc(which-32)], mountSamples(); {
		case len(args) > 0:
			c = blank(args[0])
		case len(results) > 0:
			c = blank(results[0])
		case int(which) >= 64 && int(which) < 64+len(mounts):
			c = blank(mounts[which-64])
		default:
			return
		}
		d := xdr.NewDecoder(b)
		if c.decode(&d); d.Err() != nil {
			return
		}
		again := blank(c)
		d.Reset(wire(c))
		if again.decode(&d); d.Err() != nil || !cmp.Equal(c, again, compare) {
			if m, ok := c.(*MntResult); ok && m.Status.Mount() != m.Status || ok && len(m.Flavors) == 0 {
				return // MOUNT says less than NFS, and no flavor means AUTH_SYS
			}
			t.Errorf("%T: %v:\n%s", c, d.Err(), cmp.Diff(c, again, compare))
		}
	})
}
