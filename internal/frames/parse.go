package frames

import (
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// maxText bounds a list's text.
const maxText = 100_000

// Parse reads a list in a dialect. Errors are fault.Invalid and show the place with a caret.
func Parse(name, text string) (List, error) {
	d, err := find(name)
	if err != nil {
		return nil, err
	}
	if len(text) > maxText {
		return nil, fault.New(fault.Invalid, "the frame list has %d bytes, more than %d", len(text), maxText)
	}
	p := &parser{dialect: d, name: strings.ToLower(name), text: text}
	return p.list()
}

type parser struct {
	*dialect
	name  string
	text  string
	at    int
	out   List
	count int64
	seen  map[int64]bool // of a dialect in which nothing may come twice
}

func (p *parser) list() (List, error) {
	p.seen = map[int64]bool{}
	p.blanks()
	for {
		if err := p.item(); err != nil {
			return nil, err
		}
		spaced := p.blanks()
		switch {
		case p.at == len(p.text):
			return p.out, nil
		case p.take(","):
			p.blanks()
		case p.spaces && spaced:
		default:
			return nil, p.unexpected()
		}
	}
}

// item reads a frame or a range with what stands behind it.
func (p *parser) item() error {
	begin := p.at
	first, ok := p.number()
	if !ok {
		return p.unexpected()
	}
	if p.at == len(p.text) || !strings.ContainsRune(p.ranges, rune(p.text[p.at])) {
		return p.add(begin, stride(first, first, 1))
	}
	by := p.text[p.at]
	p.at++
	last, ok := p.number()
	if !ok {
		return p.wrong(p.at, "the end of the range is missing")
	}
	return p.rest(begin, first, last, by)
}

// rest reads what stands behind the ends of a range.
func (p *parser) rest(begin int, first, last int64, by byte) error {
	for _, word := range p.steps {
		if p.takeFold(word) {
			step, err := p.step(first, last)
			if err != nil {
				return err
			}
			return p.add(begin, stride(first, last, step))
		}
	}
	switch {
	case (p.colon && by == '-' || p.threeway && by == ':') && p.take(":"):
		step, err := p.step(first, last)
		if err != nil {
			return err
		}
		return p.add(begin, stride(first, last, step))
	case p.fill && p.takeFold("y"):
		step, err := p.step(first, last)
		if err != nil {
			return err
		}
		return p.without(begin, stride(first, last, 1), step)
	case p.weave && p.take(":"):
		step, err := p.step(first, last)
		for ; err == nil && step > 0; step /= 2 {
			err = p.add(begin, stride(first, last, step))
		}
		return err
	}
	return p.add(begin, stride(first, last, 1))
}

// step reads a step and returns its size.
func (p *parser) step(first, last int64) (int64, error) {
	at := p.at
	n, ok := p.number()
	switch {
	case !ok:
		return 0, p.wrong(p.at, "the step is missing")
	case n == 0:
		return 0, p.wrong(at, "a step of 0 leads nowhere")
	case n < 0 && last > first || p.direction && n > 0 && last < first:
		return 0, p.wrong(at, "the step leads away from the end of the range")
	case n < 0:
		n = -n
	}
	return n, nil
}

// without adds the frames of a stride but every n-th of it.
func (p *parser) without(begin int, all Stride, n int64) error {
	if all.Len() > MaxFrames {
		return p.tooMany(begin)
	}
	for i := range all.Len() {
		if i%n == 0 {
			continue
		}
		f := all.First + i*all.Step
		if err := p.add(begin, Stride{f, f, 1}); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) add(begin int, s Stride) error {
	if p.count += s.Len(); s.Len() < 1 || p.count > MaxFrames {
		return p.tooMany(begin)
	}
	if p.disjoint {
		for i := range s.Len() {
			n := s.First + i*s.Step
			if p.seen[n] {
				return p.wrong(begin, "frame "+strconv.FormatInt(n, 10)+" is named twice, which this dialect does not allow")
			}
			p.seen[n] = true
		}
		if s.Step < 0 {
			s = Stride{s.Last, s.First, -s.Step}
		}
	}
	p.out = append(p.out, s)
	return nil
}

func (p *parser) tooMany(at int) error {
	return p.wrong(at, "the list has more than "+strconv.Itoa(MaxFrames)+" frames")
}

// maxNumber bounds frame numbers, so that sums and differences of them cannot overflow.
const maxNumber = 1 << 40

func (p *parser) number() (int64, bool) {
	end := p.at
	if end < len(p.text) && p.text[end] == '-' {
		end++
	}
	for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(p.text[p.at:end], 10, 64)
	if err != nil || n > maxNumber || n < -maxNumber {
		return 0, false
	}
	p.at = end
	return n, true
}

// blanks skips spaces and reports whether there were any.
func (p *parser) blanks() bool {
	from := p.at
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
	return p.at > from
}

func (p *parser) take(word string) bool {
	if !strings.HasPrefix(p.text[p.at:], word) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *parser) takeFold(word string) bool {
	if len(p.text)-p.at < len(word) || !strings.EqualFold(p.text[p.at:p.at+len(word)], word) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *parser) unexpected() error {
	if p.at == len(p.text) {
		return p.wrong(p.at, "a frame number is missing")
	}
	c := strings.ToLower(p.text[p.at : p.at+1])
	if means := p.mistaken[c]; means != "" {
		return p.wrong(p.at, "this dialect has no \""+c+"\" for a step: write "+means)
	}
	return p.wrong(p.at, "a frame number, a range or a comma was expected")
}

// shown is how much of a long list an error shows before and after the place.
const shown = 40

// wrong is an error at a place of the text.
func (p *parser) wrong(at int, says string) error {
	from, to := max(0, at-shown), min(len(p.text), at+shown)
	line := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, p.text[from:to])
	caret := strings.Repeat(" ", len([]rune(p.text[from:at]))) + "^"
	err := fault.New(fault.Invalid, "frames, as %s writes them: %s\n  %s\n  %s", p.name, says, line, caret)
	return fault.WithHint(err, "such as %s", p.example)
}
