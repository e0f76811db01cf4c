package textview_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/textview"
)

func filerView() *textview.FilerView {
	part := 0.973
	away := at(-200)
	return &textview.FilerView{
		Name: "cloud", At: at(0), Started: at(-86400 * 3), Measured: 2,
		Clients: textview.FilerTraffic{Connections: 32, Sessions: 30, Calls: 8120, Read: 412e6, Written: 1.84e6, HitRate: &part},
		Cache:   textview.FilerCache{Used: 412 << 30, Capacity: 500 << 30, Inodes: 120_000, Evicted: 999_600},
		Exports: []textview.FilerExport{
			{Path: "/nas", Origin: "nfs:edge:2049/nas", Read: 412e6, HitRate: &part, Fetched: 12e6, Calls: 8120, InFlight: 12, Asked: 50, P50: 0.031, P99: 1.2},
			{Path: "/lib", Origin: "nfs:old:2049/lib", Error: "connection refused", ErrorSince: &away, Dirty: 3 << 20},
		},
		Calls: []textview.FilerCalls{
			{Procedure: "READ", Rate: 412, P50: 0.0021, P99: 0.084, Total: 1_000_000},
			{Procedure: "LOOKUP", Rate: 0.5, P50: 12e-6, P99: 0.0009, Refused: 0.25, Total: 12},
		},
		Files: []textview.FilerHot{{Name: "/nas/show/a\x1b[31m.exr", Calls: 120_000, Bytes: 8e9}},
		Hosts: []textview.FilerHot{{Name: "burst-1 (10.0.0.7)", Calls: 60, Bytes: 0}},
	}
}

func TestFiler(t *testing.T) {
	var b strings.Builder
	if err := textview.Filer(&b, filerView()); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(b.String(), at(0).Local().Format(time.TimeOnly), "NOW", 1)
	is(t, text, `
cloud  up 3d0h  NOW, over 2.0s

clients  412 MB/s read, 1.8 MB/s written, 8120 calls/s, 32 connections, 30 sessions, 97.3 % from the cache
cache    ███████████████████░░░░░ 412 GiB of 500 GiB, 120000 inodes in memory, 1.0 MB/s evicted

EXPORT  READ      HITS    FETCHED  WRITTEN  CALLS/S  DIRTY    ORIGIN P50  P99    IN FLIGHT  ORIGIN
/nas    412 MB/s  97.3 %  12 MB/s  0 B/s    8120              31 ms       1.2 s  12         nfs:edge:2049/nas, answers
/lib    0 B/s             0 B/s    0 B/s    0        3.0 MiB                                nfs:old:2049/lib, has not answered for 3m20s: connection refused

PROCEDURE  CALLS/S  P50     P99     REFUSED/S  SINCE THE START
READ       412      2.1 ms  84 ms              1000000
LOOKUP     0.5      12 µs   900 µs  0.2        12

CALLS/S  DATA      HOTTEST FILES
120k     8.0 GB/s  /nas/show/a[31m.exr

CALLS/S  DATA   HOTTEST CLIENTS
60       0 B/s  burst-1 (10.0.0.7)
`)
}

// A filer that nobody uses is shown too.
func TestQuietFiler(t *testing.T) {
	var b strings.Builder
	if err := textview.Filer(&b, &textview.FilerView{Name: "edge", At: at(0), Started: at(-5)}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "No calls meanwhile.") || strings.Contains(b.String(), "HOTTEST") {
		t.Errorf("%s", &b)
	}
}

func TestScreenShowsWhatFits(t *testing.T) {
	var b strings.Builder
	s := &textview.Screen{W: &b, Size: func() (int, int) { return 4, 2 }}
	if err := errors.Join(s.Close(), s.Show("äbcdef\nx\ny\n"), s.Show("z"), s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[?1049h\x1b[?25l" + "\x1b[Häbcd\x1b[K\r\nx\x1b[K\x1b[J" + "\x1b[Hz\x1b[K\x1b[J" + "\x1b[?25h\x1b[?1049l"
	if b.String() != want {
		t.Errorf("wrote %q, want %q", &b, want)
	}
}
