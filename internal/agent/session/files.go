package session

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// locate defines where a script's embedded files will lie, before any of them is resolved: they may refer to each other.
func locate(files []openjd.EmbeddedFile, dir string, define func(name, path string)) {
	for _, f := range files {
		define(f.Name, filepath.Join(dir, fileName(f)))
	}
}

// fileName returns the file's base name; one without a name of its own is called by its key.
func fileName(f openjd.EmbeddedFile) string {
	if f.Filename != "" {
		return filepath.Base(f.Filename)
	}
	return "file-" + f.Name
}

// writeFiles writes a script's embedded files (§6): before every action, readable by the user alone.
func writeFiles(files []openjd.EmbeddedFile, dir string, symbols *openjd.Symbols) error {
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Internal, err, "make the directory of embedded files")
	}
	for _, f := range files {
		data, err := f.Content(symbols, openjd.Posix)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "embedded file "+f.Name)
		}
		mode := os.FileMode(0o400)
		if f.Runnable {
			mode = 0o500
		}
		path := filepath.Join(dir, fileName(f))
		_ = os.Remove(path) // it is read-only; an action may have changed it
		if err := os.WriteFile(path, []byte(data), mode); err != nil {
			return fault.Wrap(fault.Internal, err, "write embedded file "+f.Name)
		}
	}
	return nil
}

// lookPath finds a command as execvp(3) would in the action's own environment, not in this process's.
func lookPath(command, workDir string, env []string) (string, error) {
	if strings.Contains(command, "/") {
		path := command
		if !filepath.IsAbs(path) {
			path = filepath.Join(workDir, path)
		}
		return path, executable(path)
	}
	search := ""
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			search = value
		}
	}
	for _, dir := range filepath.SplitList(search) {
		path := filepath.Join(dir, command)
		if filepath.IsAbs(path) && executable(path) == nil {
			return path, nil
		}
	}
	return "", fault.WithHint(fault.New(fault.NotFound, "command %q was not found on the node", command), "install it there; PATH is %s", search)
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fault.Wrap(fault.NotFound, err, "command")
	case info.IsDir():
		return fault.New(fault.Invalid, "command %s is a directory", path)
	case info.Mode().Perm()&0o111 == 0:
		return fault.New(fault.Denied, "command %s is not executable", path)
	}
	return nil
}
