// Package config reads the one YAML dialect of Spillway: farm resources, a job's spillway.yaml, a daemon's own file.
//
// The dialect is YAML 1.2 without what makes files hard to read back: one document, no anchors, aliases, merges or tags.
// It is strict: an unknown or repeated key and a value of the wrong type are mistakes. All mistakes of a file (up to ten)
// are reported together, each with file:line:column, the line itself and a caret, and with the key that was probably
// meant.
//
// Structs are described by their tags: `yaml:"name"`, or `json:"name"` where there is no yaml tag; a field without
// either takes its own name with a small first letter; `yaml:"name,required"`; `yaml:",inline"` on an embedded struct;
// `yaml:"-"`. A struct may implement Validator for what types cannot say.
//
// Secrets never stand in these files: Ref names where one is kept.
package config
