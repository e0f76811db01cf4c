package textview

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// FilerView is what a filer does, measured over a span of time. Rates are a second, times in seconds, amounts in bytes.
type FilerView struct {
	Name     string        `json:"name"`
	Version  string        `json:"version"`
	At       time.Time     `json:"at"`
	Started  time.Time     `json:"started"`
	Measured float64       `json:"measuredSeconds"`
	Clients  FilerTraffic  `json:"clients"`
	Cache    FilerCache    `json:"cache"`
	Dirty    *FilerDirty   `json:"dirty,omitempty"` // absent where nothing is written back
	Exports  []FilerExport `json:"exports"`
	Calls    []FilerCalls  `json:"calls"`
	Files    []FilerHot    `json:"hotFiles"`
	Hosts    []FilerHot    `json:"hotClients"`
}

// FilerTraffic is what clients do.
type FilerTraffic struct {
	Connections int64    `json:"connections"`
	Sessions    int      `json:"sessions"`
	Calls       float64  `json:"calls"`
	Read        float64  `json:"read"`
	Written     float64  `json:"written"`
	HitRate     *float64 `json:"hitRate,omitempty"` // of the bytes read; absent when none were
}

// FilerCache is the cache disk.
type FilerCache struct {
	Used     uint64  `json:"used"`
	Capacity uint64  `json:"capacity"`
	Inodes   uint64  `json:"inodes"`
	Evicted  float64 `json:"evicted"`
}

// FilerDirty is what clients were told is written and has not landed at the storage.
type FilerDirty struct {
	Files     int     `json:"files"`
	Failing   int     `json:"failing"` // of Files: whose last try failed
	Tries     int     `json:"tries"`   // failures in a row, of the file that has most
	Bytes     uint64  `json:"bytes"`
	Limit     uint64  `json:"limit"`
	Oldest    float64 `json:"oldestSeconds"` // since the oldest change
	Conflicts uint64  `json:"conflicts"`     // since the start
	SetAside  int     `json:"setAside"`
	Error     string  `json:"error,omitempty"`
}

// FilerExport is an export and the storage behind it.
type FilerExport struct {
	Path       string     `json:"path"`
	Origin     string     `json:"origin"`
	Error      string     `json:"error,omitempty"`
	ErrorSince *time.Time `json:"errorSince,omitempty"`
	Calls      float64    `json:"calls"`
	Read       float64    `json:"read"`
	HitRate    *float64   `json:"hitRate,omitempty"`
	Fetched    float64    `json:"fetched"` // from the origin, for whatever reason
	Primed     float64    `json:"primed"`  // of Fetched
	Written    float64    `json:"written"`
	Dirty      uint64     `json:"dirty"`
	InFlight   int64      `json:"originInFlight"`
	Asked      float64    `json:"originCalls"`
	P50        float64    `json:"originP50"`
	P99        float64    `json:"originP99"`
	Saved      int64      `json:"savedTotal"`
}

// FilerCalls is one NFS procedure.
type FilerCalls struct {
	Procedure string  `json:"procedure"`
	Rate      float64 `json:"rate"`
	P50       float64 `json:"p50"`
	P99       float64 `json:"p99"`
	Refused   float64 `json:"refused"`
	Total     uint64  `json:"total"`
}

// FilerHot is a file or a client that is used much.
type FilerHot struct {
	Name  string  `json:"name"`
	Calls float64 `json:"calls"`
	Bytes float64 `json:"bytes"`
}

// Filer writes what a filer does.
func Filer(w io.Writer, v *FilerView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  up %s  %s, over %s\n\n", clean(v.Name), span(v.At.Sub(v.Started)), v.At.Local().Format(time.TimeOnly),
		span(time.Duration(v.Measured*float64(time.Second))))
	fmt.Fprintf(&b, "clients  %s read, %s written, %s calls/s, %d connections, %d sessions%s\n", throughput(v.Clients.Read),
		throughput(v.Clients.Written), count(v.Clients.Calls), v.Clients.Connections, v.Clients.Sessions, hits(v.Clients.HitRate, ", ", " from the cache"))
	fmt.Fprintf(&b, "cache    %s %s of %s, %d inodes in memory, %s evicted\n", bar(v.Cache.Used, v.Cache.Capacity), size(v.Cache.Used),
		size(v.Cache.Capacity), v.Cache.Inodes, throughput(v.Cache.Evicted))
	if v.Dirty != nil {
		b.WriteString(unlanded(v.Dirty))
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	for _, write := range []func(io.Writer, *FilerView) error{filerExports, filerCalls, filerHot} {
		if err := write(w, v); err != nil {
			return err
		}
	}
	return nil
}

// unlanded is the line on what has not landed, and what somebody should do.
func unlanded(d *FilerDirty) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dirty    %s %s of %s in %d files", bar(d.Bytes, d.Limit), size(d.Bytes), size(d.Limit), d.Files)
	if d.Files > 0 {
		fmt.Fprintf(&b, ", the oldest for %s", span(time.Duration(d.Oldest*float64(time.Second))))
	}
	if d.Failing > 0 {
		fmt.Fprintf(&b, "; %d fail, up to %d times in a row", d.Failing, d.Tries)
	}
	if d.Conflicts > 0 {
		fmt.Fprintf(&b, "; %d conflicts", d.Conflicts)
	}
	if d.SetAside > 0 {
		fmt.Fprintf(&b, "; %d set aside (see: spillway filer dirty list)", d.SetAside)
	}
	if d.Error != "" {
		fmt.Fprintf(&b, "\n         %s", clean(d.Error))
	}
	return b.String() + "\n"
}

func filerExports(w io.Writer, v *FilerView) error {
	t := newTable("EXPORT", "READ", "HITS", "FETCHED", "WRITTEN", "CALLS/S", "DIRTY", "ORIGIN P50", "P99", "IN FLIGHT", "ORIGIN")
	for _, e := range v.Exports {
		p50, p99, dirty := "", "", ""
		if e.Asked > 0 {
			p50, p99 = latency(e.P50), latency(e.P99)
		}
		if e.Dirty > 0 {
			dirty = size(e.Dirty)
		}
		t.row(e.Path, throughput(e.Read), hits(e.HitRate, "", ""), throughput(e.Fetched), throughput(e.Written), count(e.Calls), dirty,
			p50, p99, some(e.InFlight), e.Origin+health(e, v.At))
	}
	return t.write(w)
}

// health says whether the storage answers.
func health(e FilerExport, now time.Time) string {
	if e.Error == "" {
		return ", answers"
	}
	since := ""
	if e.ErrorSince != nil {
		since = " for " + span(now.Sub(*e.ErrorSince))
	}
	return ", has not answered" + since + ": " + e.Error
}

func filerCalls(w io.Writer, v *FilerView) error {
	if len(v.Calls) == 0 {
		_, err := fmt.Fprintln(w, "\nNo calls meanwhile.")
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	t := newTable("PROCEDURE", "CALLS/S", "P50", "P99", "REFUSED/S", "SINCE THE START")
	for _, c := range v.Calls {
		refused := ""
		if c.Refused > 0 {
			refused = count(c.Refused)
		}
		t.row(c.Procedure, count(c.Rate), latency(c.P50), latency(c.P99), refused, c.Total)
	}
	return t.write(w)
}

func filerHot(w io.Writer, v *FilerView) error {
	for _, list := range []struct {
		title string
		items []FilerHot
	}{{"HOTTEST FILES", v.Files}, {"HOTTEST CLIENTS", v.Hosts}} {
		if len(list.items) == 0 {
			continue
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		t := newTable("CALLS/S", "DATA", list.title)
		for _, h := range list.items {
			t.row(count(h.Calls), throughput(h.Bytes), h.Name)
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	return nil
}

// throughput writes bytes a second in powers of 1000, as networks and disks are sold.
func throughput(v float64) string {
	units := []string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"}
	u := 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	if v > 0 && v < 9.95 && u > 0 {
		return fmt.Sprintf("%.1f %s", v, units[u])
	}
	return fmt.Sprintf("%.0f %s", v, units[u])
}

// count writes a number of calls a second.
func count(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	case v < 99_950:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.0fk", v/1000)
}

// latency writes seconds as µs, ms or s, with two digits or more.
func latency(seconds float64) string {
	switch {
	case seconds < 0.000_999_5:
		return fmt.Sprintf("%.0f µs", seconds*1e6)
	case seconds < 0.009_95:
		return fmt.Sprintf("%.1f ms", seconds*1e3)
	case seconds < 0.999_5:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.1f s", seconds)
}

// hits writes a hit rate between two texts; nothing where nothing was read.
func hits(rate *float64, before, after string) string {
	if rate == nil {
		return ""
	}
	return fmt.Sprintf("%s%.1f %%%s", before, 100**rate, after)
}

func bar(used, capacity uint64) string {
	filled := 0
	if capacity > 0 {
		filled = int(min(used, capacity) * barWidth / capacity)
	}
	return strings.Repeat("█", filled) + strings.Repeat("░", barWidth-filled)
}

// Screen shows a text on a terminal in place of the one before, and what was there before at the end.
type Screen struct {
	W    io.Writer
	Size func() (width, height int)

	open bool
}

// Show replaces the text. Lines and columns that have no room are left out.
func (s *Screen) Show(text string) error {
	var b strings.Builder
	if !s.open {
		b.WriteString("\x1b[?1049h\x1b[?25l") // the alternate screen, without a cursor
		s.open = true
	}
	width, height := s.Size()
	b.WriteString("\x1b[H")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines[:min(len(lines), max(height, 1))] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(cut(line, width) + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(s.W, b.String())
	return err
}

// Close brings back what was there before.
func (s *Screen) Close() error {
	if !s.open {
		return nil
	}
	s.open = false
	_, err := io.WriteString(s.W, "\x1b[?25h\x1b[?1049l")
	return err
}

// cut shortens a line to a number of characters.
func cut(line string, width int) string {
	if r := []rune(line); len(r) > width {
		return string(r[:max(width, 0)])
	}
	return line
}
