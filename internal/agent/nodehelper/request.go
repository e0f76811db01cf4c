package nodehelper

import (
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
)

// Request asks for one thing: exactly one field is set.
type Request struct {
	Mount   *Mount   `json:"mount,omitempty"`
	Detach  *Detach  `json:"detach,omitempty"`
	Probe   *Probe   `json:"probe,omitempty"`
	Refresh *Refresh `json:"refresh,omitempty"`
	Verify  *Verify  `json:"verify,omitempty"`
}

// Mount opens a session at a filer and mounts its export.
type Mount struct {
	Kind     string   `json:"kind"` // auto, kernel, fuse
	Control  string   `json:"control"`
	NFS      string   `json:"nfs"` // HOST:PORT
	Export   string   `json:"export"`
	Key      string   `json:"key"` // names this mount at the filer
	Epoch    uint64   `json:"epoch"`
	Dir      string   `json:"dir"`      // the mount point
	Identity string   `json:"identity"` // directory of the node's credentials
	Command  []string `json:"command"`  // this program, for FUSE
	Socket   string   `json:"socket"`   // control socket of the FUSE mount
	Log      string   `json:"log"`      // file for the FUSE mount's messages
	PIDFile  string   `json:"pidFile"`  // where the FUSE mount's process is noted as soon as it runs

	CacheDir  string `json:"cacheDir"` // where the FUSE mount keeps copies of files; empty: nowhere
	CacheSize int64  `json:"cacheSize"`
}

// Mounted is a mount.
type Mounted struct {
	Kind    string        `json:"kind"` // nfs, fuse
	Session uint64        `json:"session"`
	Process process.Ident `json:"process"` // of the FUSE mount
}

// Detach takes a mount away, whatever state it is in.
type Detach struct {
	Dir     string `json:"dir"`
	PIDFile string `json:"pidFile"` // of Mount
}

// Probe checks that a mount answers.
type Probe struct {
	Dir   string `json:"dir"`
	Mount bool   `json:"mount"` // it must be a mount point
}

// Refresh makes a mount look up names anew.
type Refresh struct {
	Kind   string   `json:"kind"` // nfs, fuse
	Socket string   `json:"socket"`
	Paths  []string `json:"paths"` // absolute, on this node
}

// Verify checks files that a task wrote.
type Verify struct {
	Files []File `json:"files"`
}

// Auto is the check of a file of which no rule says what it is: a picture that can be decoded here must be whole, any other
// file must exist.
const Auto = "auto"

// File is a file to check.
type File struct {
	Path     string   `json:"path"`  // absolute, on this node
	Check    string   `json:"check"` // image, exists, none (package verify) or Auto
	Width    uint32   `json:"width"`
	Height   uint32   `json:"height"`
	Refuse   []string `json:"refuse,omitempty"` // flaws of pictures (package verify)
	Optional bool     `json:"optional"`
	Sync     bool     `json:"sync"` // make the file and its directory durable first: a folder without a filer
}

// Answer is what came of a request.
type Answer struct {
	Error    *Failure   `json:"error,omitempty"`
	Mounted  *Mounted   `json:"mounted,omitempty"`
	Verified []Verified `json:"verified,omitempty"` // in the order of the request
}

// Verified is what a file was found to be.
type Verified struct {
	Missing bool   `json:"missing,omitempty"` // and optional, or Problem says so
	Problem string `json:"problem,omitempty"` // what is wrong with it; empty: nothing
	Size    uint64 `json:"size"`
	SHA256  []byte `json:"sha256"`
	Kind    string `json:"kind"`
	Width   uint32 `json:"width"`
	Height  uint32 `json:"height"`
}

// Failure is an error that crosses the process border.
type Failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func failureOf(err error) *Failure {
	return &Failure{Kind: fault.KindOf(err).String(), Message: err.Error(), Hint: fault.HintOf(err)}
}

func (f *Failure) err() error {
	return &fault.Error{Kind: fault.ParseKind(f.Kind), Message: f.Message, Hint: f.Hint}
}
