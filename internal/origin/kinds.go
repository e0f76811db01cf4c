package origin

// Kind is a kind of origin: how a configuration names it, and what it can do. docs/origins.md shows all of them.
type Kind struct {
	Name  string // before the ":" of an export's origin
	Where string // behind it
	Caps  Caps
	// AtomicRename: a rename takes place as a whole, whatever fails, and costs the same for a folder of any size.
	AtomicRename bool
	// SharedLocks: locks hold among all users of the storage, not among the filer's clients only.
	SharedLocks bool
	// FreeSpace: the storage tells how much room it has.
	FreeSpace bool
	// PathBytes bounds the length of a whole path below the export, in bytes as the storage keeps it; 0: names alone are bounded.
	PathBytes int
}

// Kinds returns all kinds there are.
func Kinds() []Kind { return []Kind{Posix(), NFS(), S3(), AzBlob()} }

const transfer = 1 << 20 // the largest useful read or write, in bytes

// Posix is a folder of the filer's machine.
func Posix() Kind {
	return Kind{
		Name: "posix", Where: "DIR", AtomicRename: true, FreeSpace: true,
		Caps: Caps{Local: true, MaxRead: transfer, MaxWrite: transfer, Syncs: true, HardLinks: true, SpecialFiles: true, StableCookies: true},
	}
}

// NFS is an export of an NFSv3 server, which may be a filer.
func NFS() Kind {
	return Kind{
		Name: "nfs", Where: "HOST:PORT/path", AtomicRename: true, SharedLocks: true, FreeSpace: true,
		Caps: Caps{MaxRead: transfer, MaxWrite: transfer, HardLinks: true, SpecialFiles: true, StableCookies: true},
	}
}

// S3 is a bucket.
func S3() Kind {
	return Kind{Name: "s3", Where: "BUCKET/prefix", PathBytes: 1024, Caps: Caps{MaxRead: transfer, MaxWrite: transfer, SpecialFiles: true, WholeObjects: true}}
}

// AzBlob is a container of Azure Blob Storage.
func AzBlob() Kind {
	k := S3()
	k.Name, k.Where = "azblob", "CONTAINER/prefix"
	return k
}
