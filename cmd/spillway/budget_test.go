package main

import "testing"

func TestBudgetCommands(t *testing.T) {
	f := startRemote(t)
	f.wants(`No budgets yet. Make one: spillway budget set`, "budget", "list")
	f.refuses(2, `needs to know whose it is`, "budget", "set", "film", "--cap", "100")
	f.refuses(2, `nothing is to be different`, "budget", "set", "film")
	f.wants(`BUDGET +OF +CAP +SPENT +LEFT +THEN\nfilm +project alpha +100.00 +0.00 +100.00 +cancel`,
		"budget", "set", "film", "--project", "alpha", "--cap", "100", "--then", "cancel")
	f.wants(`(?s)"cap": 100.*"since": "2026-12-01`, "budget", "set", "film", "--since", "2026-12-01", "--json")
	f.wants(`"then": "cancel"`, "budget", "list", "--json")
	f.refuses(2, `can't be used together`, "budget", "set", "film", "--project", "a", "--owner", "b")
	f.refuses(2, `must be one of "warn","stop","cancel"`, "budget", "set", "film", "--then", "beg")
	f.refuses(2, `expected|cap`, "budget", "set", "film", "--cap", "-1")
	f.wants(`budget film is deleted`, "budget", "delete", "film")
	f.refuses(1, `no budget "film"`, "budget", "delete", "film")
}
