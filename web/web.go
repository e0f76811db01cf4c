// Package web carries the web app inside the binary.
//
// The app is built from web/app with Node into web/dist, which is not committed. A binary that was built without it serves
// a page that says how to build it, so that plain go build works on a fresh clone.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed stub
var stub embed.FS

// FS returns the app's files, index.html at the root.
func FS() fs.FS {
	if Built() {
		return below(dist, "dist")
	}
	return below(stub, "stub")
}

// Built reports whether this binary holds the app.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

func below(files embed.FS, dir string) fs.FS {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return files // dir is a valid name: fs.Sub has no other error
	}
	return sub
}
