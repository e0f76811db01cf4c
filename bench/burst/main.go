// Command burst lives through simulated days of a farm with the burst planner, and with others in its place: what it
// costs, and which deadlines are missed. All of it is a simulation: days are drawn from seeds, time is virtual; the planner,
// and where frames are evicted the farm and its scheduler, are the server's own code.
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

func run() error {
	days := flag.Int("days", 200, "simulated `DAYS` that are scored")
	first := flag.Uint64("seed", 1000, "`SEED` of the first day; seeds below 1000 are for tuning")
	trials := flag.Int("trials", 400, "schedules that the oracle tries for each day")
	plot := flag.String("plot", "", "write the comparison as an SVG picture to `FILE`")
	tune := flag.Bool("tune", false, "try reserves of the planner on 60 other days instead")
	only := flag.String("only", "", "money or evictions; both if not given")
	flag.Parse()
	if *days < 1 || *trials < 0 {
		return errors.New("there must be at least one day, and trials cannot be negative")
	}
	if *tune {
		return tuning(os.Stdout)
	}
	if *only == "" || *only == "evictions" {
		if err := evictions(os.Stdout); err != nil {
			return err
		}
	}
	if *only == "" || *only == "money" {
		return money(os.Stdout, *first, *days, *trials, *plot)
	}
	return nil
}
