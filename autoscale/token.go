package autoscale

// kind is what sort of token something is. Operators and punctuation are their own kind.
type kind uint8

const (
	endOfFormula kind = iota
	word              // a name, with or without $
	numeral           // 12, 0.5, .5, 1e3
	quoted            // "text"
	symbol            // an operator or punctuation
	broken            // what is no token; an error has been noted
)

// token is a piece of a formula.
type token struct {
	kind kind
	text string // as written; of quoted text what stands between the quotes
	at   position
}

// is reports whether it is a certain operator or punctuation.
func (t token) is(text string) bool { return t.kind == symbol && t.text == text }

// String names the token in messages.
func (t token) String() string {
	switch t.kind {
	case endOfFormula:
		return "the end of the formula"
	case quoted:
		return `"` + t.text + `"`
	default:
		return t.text
	}
}
