package autoscale

import "sync"

// service is a variable that the service defines.
type service = Variable

// words are all names that a formula may use without having assigned them.
type words struct {
	functions map[string]*function
	methods   map[string]*sampling
	services  map[string]*service
	aliases   map[string][]string // of a variable, in the order in which they count
	constants map[string]value
	parts     map[string]*timestampPart
}

// vocabulary returns the language's words. They are made once and never change.
var vocabulary = sync.OnceValue(func() *words {
	v := &words{
		functions: map[string]*function{}, methods: map[string]*sampling{}, services: map[string]*service{},
		aliases: map[string][]string{}, constants: constants(), parts: map[string]*timestampPart{},
	}
	for _, f := range functions() {
		v.functions[f.name] = &f
	}
	for _, s := range samplings() {
		v.methods[s.name] = &s
	}
	for _, s := range Variables() {
		v.services[s.Name] = &s
		if s.AliasOf != "" {
			v.aliases[s.AliasOf] = append(v.aliases[s.AliasOf], s.Name)
		}
	}
	for i := range timestampParts {
		v.parts[timestampParts[i].name] = &timestampParts[i]
	}
	return v
})
