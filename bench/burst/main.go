// Command burst lives through simulated days of a farm with the burst planner, and with others in its place: what it
// costs, and which deadlines are missed. All of it is a simulation: days are drawn from seeds, time is virtual; the planner,
// and where frames are evicted the farm and its scheduler, are the server's own code. How long the planner's pass over a large
// farm takes is measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-burst:", err)
		os.Exit(1)
	}
}

// scored is the first seed of the days that are scored; reserves are tuned on those before it.
const scored = 1000

func run() error {
	days := flag.Int("days", 200, "simulated `DAYS` that are scored")
	first := flag.Uint64("seed", scored, "`SEED` of the first day; seeds below 1000 are for tuning")
	trials := flag.Int("trials", 400, "schedules that the oracle tries for each day")
	plot := flag.String("plot", "", "write the comparison as an SVG picture to `FILE`")
	tune := flag.Bool("tune", false, "try reserves of the planner on other days (seeds from 0) instead")
	only := flag.String("only", "", "money, evictions or pass; all if not given")
	turns := flag.Int("passes", 1000, "passes of the planner that are timed")
	flag.Parse()
	if *days < 1 || *trials < 0 || *turns < 1 {
		return errors.New("there must be at least one day and one pass, and trials cannot be negative")
	}
	if *tune {
		return tuning(os.Stdout, *days)
	}
	if *only == "" || *only == "evictions" {
		if err := evictions(os.Stdout); err != nil {
			return err
		}
	}
	if *only == "" || *only == "pass" {
		if err := passes(os.Stdout, *turns); err != nil {
			return err
		}
	}
	if *only == "" || *only == "money" {
		return money(os.Stdout, *first, *days, *trials, *plot)
	}
	return nil
}
