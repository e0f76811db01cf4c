package main

import (
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

func TestForecastsAndStops(t *testing.T) {
	f := startRemote(t)
	f.farm.Pool(restv1.Pool{ID: "burst", Site: "cloud", Max: 4})
	f.wants(`done +\d\d:\d\d:\d\d \(in (1h00m|59m\w*)\)\n.*rented nodes +1 of burst\n.*costs +3.00\n`, "job", "forecast", "shot")
	f.wants(`done .*, too late\n`, "job", "forecast", "shot", "--by", "20m")
	f.wants(`costs +1.50\n.*capped by +budget`, "job", "forecast", "shot", "--allow", "1.5")
	f.wants(`rented nodes +none\n.*costs +0.00`, "job", "forecast", "shot", "--on-prem-only")
	f.wants(`"extra": ?3`, "--json", "job", "forecast", "shot")
	f.refuses(2, `"soon" is no time`, "job", "forecast", "shot", "--by", "soon")
	f.refuses(2, `by and --allow|can't be used together`, "job", "forecast", "shot", "--by", "3h", "--allow", "3")

	f.wants(`burst .*stopped by hand; too dear`, "pool", "stop", "burst", "--reason", "too dear")
	f.wants(`"stopped": ?true`, "--json", "pool", "list")
	f.wants(`burst`, "pool", "start", "--all")
	f.wants(`"stopped": ?false`, "--json", "pool", "list")
	f.refuses(2, `name a pool, or say --all`, "pool", "stop")
	f.refuses(1, `no pool moon`, "pool", "stop", "moon")
	f.wants(`Nothing has been decided yet|WHEN +POOL`, "pool", "decisions")
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 3, 2, 18, 30, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"09:00": "2026-03-03T09:00:00Z", "18:30": "2026-03-03T18:30:00Z", "18:31": "2026-03-02T18:31:00Z", "3h": "2026-03-02T21:30:00Z",
		"2026-03-02T20:00:00+01:00": "2026-03-02T19:00:00Z",
	} {
		if at, err := clock(text, now); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v; want %s", text, at, err, want)
		}
	}
	for _, text := range []string{"", "soon", "25:00", "-3h", "9"} {
		if at, err := clock(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}
