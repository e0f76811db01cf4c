// Package progress reads what renderers print about themselves: how far they are, and which files they have written.
//
// The patterns are those that the programs were seen to print: Blender (Cycles, Eevee), ffmpeg, POV-Ray, and the
// percentages of a few production renderers. A line that fits none tells nothing and is no error.
package progress

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Update is what one line tells.
type Update struct {
	Percent float64 // 0 to 100; negative: nothing about it
	Status  string  // for people; empty: nothing new
	Saved   string  // a file that has been written, as the program spells its path; empty: none
}

// Parser reads the lines of one action. It remembers what later lines refer to (ffmpeg says a film's length once). The
// zero value is ready; it is used by one goroutine.
type Parser struct {
	length time.Duration // of the film that ffmpeg reads; 0: unknown
}

const maxLine = 4 << 10 // longer lines are not looked at: no progress line is that long

var (
	blenderFrame  = regexp.MustCompile(`^(?:render \| )?Fra: ?(-?\d+) Mem:`)
	blenderSample = regexp.MustCompile(`(?:Sample|Rendering) (\d+) ?/ ?(\d+)(?: samples)?`)
	blenderTile   = regexp.MustCompile(`Rendered (\d+)/(\d+) Tiles`)
	blenderLeft   = regexp.MustCompile(`Remaining: ?([0-9:.]+)`)
	savedLine     = regexp.MustCompile(`^(?:render \| )?Saved: '(.+)'$`)
	skippedLine   = regexp.MustCompile(`(?i)^(?:render \| )?skipping existing frame`)
	ffmpegLength  = regexp.MustCompile(`^\s*Duration: (\d+:\d\d:\d\d(?:\.\d+)?)`)
	ffmpegTime    = regexp.MustCompile(`^(?:frame=.*\btime=|out_time=)(\d+:\d\d:\d\d(?:\.\d+)?)`)
	ffmpegFrame   = regexp.MustCompile(`^frame= *(\d+)`)
	povrayPixels  = regexp.MustCompile(`^Rendered \d+ of \d+ pixels \((\d+)%\)`)
	plainPercent  = regexp.MustCompile(`^(?:ALF_PROGRESS |R90000 +|.*\b)(\d{1,3})% done|^(?:ALF_PROGRESS |R90000 +)(\d{1,3})%`)
)

// Line reads one line, without its end. ok is false if it tells nothing.
func (p *Parser) Line(line string) (u Update, ok bool) {
	u.Percent = -1
	if line == "" || len(line) > maxLine {
		return u, false
	}
	switch {
	case p.blender(line, &u), p.ffmpeg(line, &u), plain(line, &u):
		return u, true
	}
	return u, false
}

func (p *Parser) blender(line string, u *Update) bool {
	if m := savedLine.FindStringSubmatch(line); m != nil {
		u.Saved = m[1]
		return true
	}
	if skippedLine.MatchString(line) {
		u.Status = strings.TrimPrefix(line, "render | ")
		return true
	}
	m := blenderFrame.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	u.Status = "frame " + m[1]
	part := blenderSample.FindStringSubmatch(line)
	word := "sample"
	if part == nil {
		part, word = blenderTile.FindStringSubmatch(line), "tile"
	}
	if part != nil {
		u.Percent = ratio(part[1], part[2])
		u.Status += ", " + word + " " + part[1] + " of " + part[2]
	}
	if left := blenderLeft.FindStringSubmatch(line); left != nil {
		if d, ok := clock(left[1]); ok {
			u.Status += ", " + d.Round(time.Second).String() + " left"
		}
	}
	return true
}

func (p *Parser) ffmpeg(line string, u *Update) bool {
	if m := ffmpegLength.FindStringSubmatch(line); m != nil {
		p.length, _ = clock(m[1])
		return false
	}
	if m := ffmpegFrame.FindStringSubmatch(line); m != nil {
		u.Status = "frame " + m[1]
	}
	if m := ffmpegTime.FindStringSubmatch(line); m != nil {
		if at, ok := clock(m[1]); ok && p.length > 0 {
			u.Percent = min(100, 100*at.Seconds()/p.length.Seconds())
		}
	}
	return u.Status != "" || u.Percent >= 0
}

func plain(line string, u *Update) bool {
	m := povrayPixels.FindStringSubmatch(line)
	if m == nil {
		m = plainPercent.FindStringSubmatch(line)
	}
	for _, text := range m[min(1, len(m)):] {
		if n, err := strconv.Atoi(text); err == nil && n <= 100 {
			u.Percent = float64(n)
			return true
		}
	}
	return false
}

func ratio(part, whole string) float64 {
	a, err1 := strconv.ParseFloat(part, 64)
	b, err2 := strconv.ParseFloat(whole, 64)
	if err1 != nil || err2 != nil || b <= 0 || a > b {
		return -1
	}
	return 100 * a / b
}

// clock reads "[hours:]minutes:seconds[.fraction]".
func clock(text string) (time.Duration, bool) {
	var total float64
	for field := range strings.SplitSeq(text, ":") {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || v < 0 || total > 1e8 {
			return 0, false
		}
		total = total*60 + v
	}
	return time.Duration(total * float64(time.Second)), true
}
