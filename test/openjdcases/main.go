// Command openjdcases runs outside cases of Open Job Description against the real binary and prints a table: template
// and environment files that must be accepted or refused, and jobs whose output is described (*.test.yaml, in the format
// of the specification's own conformance tests).
//
//	go run ./test/openjdcases -binary bin/spillway FOLDER
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func main() {
	binary := flag.String("binary", "bin/spillway", "the spillway to test")
	only := flag.String("run", "", "run only cases whose path contains this")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: openjdcases [-binary FILE] [-run TEXT] FOLDER")
		os.Exit(2)
	}
	failed, err := run(context.Background(), *binary, flag.Arg(0), *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "openjdcases:", err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// outcome is one case that was run.
type outcome struct {
	path    string
	problem string // empty: as it should be
	skipped bool
}

func run(ctx context.Context, binary, root, only string) (failed int, err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return 0, err
	}
	cases, err := find(root, only)
	if err != nil {
		return 0, err
	}
	bench, cleanup, err := newBench(binary)
	if err != nil {
		return 0, err
	}
	defer cleanup()
	outcomes := make([]outcome, len(cases))
	var workers sync.WaitGroup
	next := make(chan int)
	for range 2 {
		workers.Go(func() {
			for i := range next {
				outcomes[i] = bench.run(ctx, root, cases[i])
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	workers.Wait()
	return print(outcomes), nil
}

// find returns the cases below a folder: files of folders named after what they hold.
func find(root, only string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kindOf(path) == "" || !strings.Contains(path, only) {
			return err
		}
		relative, err := filepath.Rel(root, path)
		out = append(out, relative)
		return err
	})
	slices.Sort(out)
	return out, err
}

// kindOf tells what a case is by its folder: job_templates, env_templates or jobs, perhaps with a version behind it.
func kindOf(path string) string {
	folder, _, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-")
	if slices.Contains([]string{"job_templates", "env_templates", "jobs"}, folder) {
		return folder
	}
	return ""
}

// print shows the table and what went wrong, and returns how many scored cases failed.
func print(outcomes []outcome) int {
	type row struct{ total, passed, skipped int }
	rows := make(map[string]*row)
	failed := 0
	for _, o := range outcomes {
		folder := filepath.Dir(o.path)
		if rows[folder] == nil {
			rows[folder] = new(row)
		}
		r := rows[folder]
		r.total++
		switch {
		case o.skipped:
			r.skipped++
		case o.problem == "":
			r.passed++
		default:
			mark := "FAIL"
			if doubtful(o.path) {
				mark = "differs"
			} else {
				failed++
			}
			fmt.Printf("%s %s\n  %s\n", mark, o.path, strings.ReplaceAll(o.problem, "\n", "\n  "))
		}
	}
	fmt.Printf("%-44s %6s %6s %8s\n", "folder", "cases", "pass", "skipped")
	var sum row
	var folders []string
	for folder := range rows {
		folders = append(folders, folder)
	}
	slices.Sort(folders)
	for _, folder := range folders {
		r, note := rows[folder], ""
		if doubtful(folder) {
			note = " (not scored)"
		} else {
			sum.total, sum.passed, sum.skipped = sum.total+r.total, sum.passed+r.passed, sum.skipped+r.skipped
		}
		fmt.Printf("%-44s %6d %6d %8d%s\n", folder, r.total, r.passed, r.skipped, note)
	}
	fmt.Printf("%-44s %6d %6d %8d\n", "all that is scored", sum.total, sum.passed, sum.skipped)
	return failed
}

func doubtful(path string) bool { return strings.Split(filepath.ToSlash(path), "/")[0] == "doubtful" }

// bench is what every case runs with.
type bench struct {
	binary string
	env    []string
	dir    string
}

// newBench makes a folder for the cases and puts Python 3 under the name python, as the cases expect it.
func newBench(binary string) (*bench, func(), error) {
	dir, err := os.MkdirTemp("", "openjdcases-")
	if err != nil {
		return nil, nil, err
	}
	cleanup := func() { _ = os.RemoveAll(dir) }
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "bin"), 0o700)
	}
	if err == nil {
		err = os.Symlink(strings.TrimSpace(string(python)), filepath.Join(dir, "bin", "python"))
	}
	if err != nil {
		cleanup()
		return nil, nil, fmt.Errorf("the cases need python3: %w", err)
	}
	env := append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return &bench{binary, env, dir}, cleanup, nil
}
