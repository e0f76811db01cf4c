package filer

import "context"

// Parent is the control service of the filer that an export's origin is.
type Parent interface {
	// Flush makes the paths durable at the storage; errors are by path.
	Flush(ctx context.Context, paths []string) ([]Receipt, []PathError, error)
	// Revalidate compares what is cached of the paths with the storage; it returns those that had to be changed.
	Revalidate(ctx context.Context, paths []string) (changed []string, errs []PathError, err error)
	// Path maps a path below the export to the parent's namespace: rel is "" or starts with "/".
	Path(rel string) string
}

// PathError is what went wrong with one path.
type PathError struct {
	Path string
	Err  error
}
