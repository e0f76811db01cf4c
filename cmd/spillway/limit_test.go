package main

import "testing"

func TestLimitCommands(t *testing.T) {
	f := startRemote(t)
	f.wants(`No limits yet. Make one: spillway limit set`, "limit", "list")
	f.refuses(2, `needs a number of seats`, "limit", "set", "nuke")
	f.wants(`LIMIT +SEATS +PER +HELD +FREE\nnuke +20 +node +0 +20\n`, "limit", "set", "nuke", "--seats", "20", "--per", "node", "--ttl", "5m", "--stale", "hold")
	f.wants(`nuke +18 +node +0 +18\n`, "limit", "set", "nuke", "--seats", "18")
	f.wants(`(?s)"outside": 7.*"free": 11`, "limit", "report", "nuke", "--outside", "7", "--json")
	f.wants(`"ttlSeconds": 300`, "limit", "list", "--json")
	f.refuses(1, `no limit "mari"`, "limit", "report", "mari", "--outside", "1")
	f.refuses(2, `missing flags: --outside`, "limit", "report", "nuke")
	f.refuses(2, `must be one of "keep","ignore","hold"`, "limit", "set", "nuke", "--stale", "never")
	f.refuses(2, `expected|limit`, "limit", "set", "nuke", "--seats", "-1")
	f.wants(`limit nuke is deleted`, "limit", "delete", "nuke")
	f.refuses(1, `no limit "nuke"`, "limit", "delete", "nuke")
}
