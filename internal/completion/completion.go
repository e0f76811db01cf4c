// Package completion writes shell completion scripts from a command line's own model, so that they cannot disagree with it.
package completion

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/spillway/spillway/internal/fault"
)

// Shells are the shells that Write knows.
const Shells = "bash,zsh,fish"

// Write writes the script for one shell.
func Write(w io.Writer, shell string, app *kong.Application) error {
	places := walk(app.Node, "", nil)
	switch shell {
	case "bash":
		return bash(w, app.Name, places)
	case "zsh":
		if _, err := fmt.Fprintf(w, "#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n", app.Name); err != nil {
			return err
		}
		return bash(w, app.Name, places)
	case "fish":
		return fish(w, app.Name, places)
	}
	return fault.WithHint(fault.New(fault.Invalid, "no completion for %q", shell), "there is one for each of %s", Shells)
}

// place is a spot in the command line, such as "job submit", and what may follow there.
type place struct {
	path  string
	words []word
}

type word struct {
	text, help string
	files      bool // a flag that takes a file
	value      bool // a flag that takes a value
}

// walk lists all places below a node; flags of the outer ones are good at the inner ones too.
func walk(n *kong.Node, path string, outer []word) []place {
	flags := outer
	for _, f := range n.Flags {
		if !f.Hidden {
			flags = append(flags[:len(flags):len(flags)], word{"--" + f.Name, f.Help, f.Tag != nil && f.Tag.Type == "path", !f.IsBool()})
		}
	}
	here := place{path: path}
	var below []place
	for _, child := range n.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		here.words = append(here.words, word{text: child.Name, help: child.Help})
		below = append(below, walk(child, strings.TrimSpace(path+" "+child.Name), flags)...)
	}
	for _, arg := range n.Positional {
		for _, v := range arg.EnumSlice() {
			if v != "" {
				here.words = append(here.words, word{text: v})
			}
		}
	}
	here.words = append(here.words, flags...)
	return append([]place{here}, below...)
}

// bash completes words of the place that the words so far name; where nothing fits it completes files.
func bash(w io.Writer, name string, places []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, "_%s() {\n", name)
	b.WriteString("  local cur=${COMP_WORDS[COMP_CWORD]} place='' word i words=''\n")
	b.WriteString("  for ((i = 1; i < COMP_CWORD; i++)); do\n    word=${COMP_WORDS[i]}\n    case \"$place $word\" in\n")
	for _, p := range places[1:] {
		outer, last := "", p.path
		if i := strings.LastIndexByte(p.path, ' '); i >= 0 {
			outer, last = p.path[:i], p.path[i+1:]
		}
		fmt.Fprintf(&b, "      %s) place=%s ;;\n", quote(outer+" "+last), quote(p.path))
	}
	b.WriteString("    esac\n  done\n  case \"$place\" in\n")
	for _, p := range places {
		texts := make([]string, len(p.words))
		for i, word := range p.words {
			texts[i] = word.text
		}
		fmt.Fprintf(&b, "    %s) words=%s ;;\n", quote(p.path), quote(strings.Join(texts, " ")))
	}
	b.WriteString("  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n")
	fmt.Fprintf(&b, "complete -o default -F _%s %s\n", name, name)
	_, err := io.WriteString(w, b.String())
	return err
}

// fish has a line for each word at each place.
func fish(w io.Writer, name string, places []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, "function __%s_at\n  set -l words (commandline -opc)\n  set -l plain\n", name)
	b.WriteString("  for word in $words[2..]\n    string match -q -- '-*' $word; or set -a plain $word\n  end\n")
	b.WriteString("  set -l want (string split -n ' ' -- $argv[1])\n")
	b.WriteString("  test (count $plain) -ge (count $want); or return 1\n")
	b.WriteString("  test -z \"$argv[1]\"; and test (count $plain) -gt 0; and return 1\n")
	b.WriteString("  test -z \"$argv[1]\"; or test \"$plain[1..\"(count $want)\"]\" = \"$argv[1]\"\nend\n")
	for _, p := range places {
		for _, word := range p.words {
			fmt.Fprintf(&b, "complete -c %s -n %s", name, quote("__"+name+"_at "+quote(p.path)))
			if flag, ok := strings.CutPrefix(word.text, "--"); ok {
				fmt.Fprintf(&b, " -l %s", flag)
				if word.value {
					b.WriteString(" -r")
				}
				if word.value && !word.files {
					b.WriteString(" -f")
				}
			} else {
				fmt.Fprintf(&b, " -f -a %s", quote(word.text))
			}
			if word.help != "" {
				fmt.Fprintf(&b, " -d %s", quote(word.help))
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quote puts text into single quotes, which all three shells understand.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
