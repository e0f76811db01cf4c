package main

import (
	"testing"

	"github.com/spillway/spillway/api/restv1"
)

func TestUsageCommand(t *testing.T) {
	f := startRemote(t)
	f.wants(`Nothing was used in that time`, "usage")
	line := restv1.UsageLine{Key: "j1", Name: `shot "a", b`, Attempts: 3, Seconds: 7200, GoodSeconds: 5400, NodeSeconds: 1800.5, Cost: 2.345}
	f.farm.SetUsage(restv1.Usage{
		Currency: "EUR", Lines: []restv1.UsageLine{line, {Attempts: 1, Seconds: 60}}, Total: restv1.UsageLine{Attempts: 4, Seconds: 7260, Cost: 2.345},
		Bills: &restv1.Bills{Machines: 2, NodeSeconds: 7200, Cost: 4, Shared: 2.345, Unused: 1, Carried: 0.655},
	})
	f.wants(`JOB +NAME +ATTEMPTS .*\nj1 +shot .* +3 +2h00m +75% .* 2.3\d EUR\n\(none\) .*\ntotal .*\n\n2 rented machines were paid for 2h00m: 4.00 EUR, .* 1.00 EUR was used by nobody, and 0.6\d EUR belongs to`, "usage")
	f.wants(`(?m)^OWNER `, "usage", "--by", "owner", "--since", "all")
	f.wants(`^job,name,attempts,seconds,.*\nj1,"shot ""a"", b",3,7200,5400,0,0,1800.5,2.345,EUR\n`, "usage", "--csv")
	f.wants(`"by": "day"`, "usage", "--by", "day", "--json")
	f.refuses(2, `name it with --job`, "usage", "--by", "task")
	f.refuses(2, `exclude each other`, "usage", "--csv", "--json")
	f.refuses(2, `--since: "soon" is no time`, "usage", "--since", "soon")
}
