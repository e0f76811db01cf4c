package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is one key that a struct knows.
type field struct {
	name     string
	index    []int // for reflect.Value.FieldByIndex
	required bool
}

type fields []field

func (fs fields) find(name string) (field, bool) {
	i := slices.IndexFunc(fs, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return fs[i], true
}

func (fs fields) names() []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

// listed names the keys, if they are few, for a message.
func (fs fields) listed() string {
	if len(fs) == 0 || len(fs) > 12 {
		return ""
	}
	return " (" + strings.Join(fs.names(), ", ") + ")"
}

// fieldsOf reads a struct's tags, in the order of its fields.
func fieldsOf(t reflect.Type) fields {
	var out fields
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("yaml")
		if !tagged {
			tag = f.Tag.Get("json")
		}
		name, options, _ := strings.Cut(tag, ",")
		opts := strings.Split(options, ",")
		inline := f.Anonymous && f.Type.Kind() == reflect.Struct && (slices.Contains(opts, "inline") || name == "")
		switch {
		case name == "-" || !f.IsExported() && !inline:
			continue
		case inline:
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		case name == "":
			first, size := utf8.DecodeRuneInString(f.Name)
			name = string(unicode.ToLower(first)) + f.Name[size:]
		}
		out = append(out, field{name: name, index: f.Index, required: slices.Contains(opts, "required")})
	}
	return out
}

// suggest names the known key that was probably meant, or lists all keys if there are few.
func suggest(got string, known []string) string {
	best, distance := "", len(got)/3+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(got), strings.ToLower(k)); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(", did you mean %q?", best)
	case len(known) > 0 && len(known) <= 12:
		return "; known here: " + strings.Join(known, ", ")
	}
	return ""
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours between two short texts (optimal
// string alignment). Long ones are as far apart as they are long.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
