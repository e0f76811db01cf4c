package nfs

// Limits of MOUNT (RFC 1813 §5.1.3).
const (
	MaxMountPath = 1024 // bytes of a path
	MaxMountName = 255  // bytes of a host's name
)

// MntArgs asks for the handle of a path (RFC 1813 §5.2.1).
type MntArgs struct {
	Path string
}

// MntResult is the answer to MNT.
type MntResult struct {
	Status  Status
	Root    Handle
	Flavors []uint32 // authentication that the export takes; a server's empty list becomes AUTH_SYS
}

// MountEntry is a mount that a server remembers (RFC 1813 §5.2.2).
type MountEntry struct {
	Host string
	Dir  string
}

// DumpResult is the answer to DUMP.
type DumpResult struct {
	Mounts []MountEntry

	status Status // always OK
}

// UmntArgs forgets a mount (RFC 1813 §5.2.3).
type UmntArgs struct {
	Path string
}

// ExportEntry is a path that clients may mount; no groups means everybody (RFC 1813 §5.2.5).
type ExportEntry struct {
	Dir    string
	Groups []string
}

// ExportResult is the answer to EXPORT.
type ExportResult struct {
	Exports []ExportEntry

	status Status // always OK
}
