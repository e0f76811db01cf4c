package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// loadModules loads kernel modules and those that they depend on.
func loadModules(names []string) error {
	var uname unix.Utsname
	if err := unix.Uname(&uname); err != nil {
		return err
	}
	dir := filepath.Join("/usr/lib/modules", unix.ByteSliceToString(uname.Release[:]))
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return err
	}
	depends, files := map[string][]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		file, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		files[moduleName(file)], depends[file] = file, strings.Fields(needs)
	}
	for _, name := range names {
		file, ok := files[name]
		if !ok {
			return fmt.Errorf("no kernel module %s", name)
		}
		// modules.dep lists what a module needs in the order in which it would be removed.
		needs := depends[file]
		for i := len(needs) - 1; i >= 0; i-- {
			if err := load(filepath.Join(dir, needs[i])); err != nil {
				return err
			}
		}
		if err := load(filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	return nil
}

func moduleName(file string) string {
	return strings.TrimSuffix(filepath.Base(file), ".ko")
}

func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", path, err)
	}
	return nil
}
