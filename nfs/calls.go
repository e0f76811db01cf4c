package nfs

import "context"

// Getattr returns an object's attributes.
func (c *Client) Getattr(ctx context.Context, auth *Auth, args GetattrArgs) (GetattrResult, error) {
	return GetattrResult{}, ErrClientClosed
}

// Setattr changes an object's attributes.
func (c *Client) Setattr(ctx context.Context, auth *Auth, args SetattrArgs) (SetattrResult, error) {
	return SetattrResult{}, ErrClientClosed
}

// Lookup finds a name in a directory.
func (c *Client) Lookup(ctx context.Context, auth *Auth, args LookupArgs) (LookupResult, error) {
	return LookupResult{}, ErrClientClosed
}

// Access asks which rights the caller has.
func (c *Client) Access(ctx context.Context, auth *Auth, args AccessArgs) (AccessResult, error) {
	return AccessResult{}, ErrClientClosed
}

// Readlink returns a symbolic link's text.
func (c *Client) Readlink(ctx context.Context, auth *Auth, args ReadlinkArgs) (ReadlinkResult, error) {
	return ReadlinkResult{}, ErrClientClosed
}

// Write writes args.Data, which must not change before Write returns. Fewer bytes may be written: see the result's Count.
func (c *Client) Write(ctx context.Context, auth *Auth, args WriteArgs) (WriteResult, error) {
	return WriteResult{}, ErrClientClosed
}

// Create creates a regular file.
func (c *Client) Create(ctx context.Context, auth *Auth, args CreateArgs) (CreateResult, error) {
	return CreateResult{}, ErrClientClosed
}

// Mkdir creates a directory.
func (c *Client) Mkdir(ctx context.Context, auth *Auth, args MkdirArgs) (MkdirResult, error) {
	return MkdirResult{}, ErrClientClosed
}

// Symlink creates a symbolic link.
func (c *Client) Symlink(ctx context.Context, auth *Auth, args SymlinkArgs) (SymlinkResult, error) {
	return SymlinkResult{}, ErrClientClosed
}

// Mknod creates a device, socket or FIFO.
func (c *Client) Mknod(ctx context.Context, auth *Auth, args MknodArgs) (MknodResult, error) {
	return MknodResult{}, ErrClientClosed
}

// Remove removes a name that is no directory.
func (c *Client) Remove(ctx context.Context, auth *Auth, args RemoveArgs) (RemoveResult, error) {
	return RemoveResult{}, ErrClientClosed
}

// Rmdir removes an empty directory.
func (c *Client) Rmdir(ctx context.Context, auth *Auth, args RmdirArgs) (RmdirResult, error) {
	return RmdirResult{}, ErrClientClosed
}

// Rename renames.
func (c *Client) Rename(ctx context.Context, auth *Auth, args RenameArgs) (RenameResult, error) {
	return RenameResult{}, ErrClientClosed
}

// Link makes a hard link.
func (c *Client) Link(ctx context.Context, auth *Auth, args LinkArgs) (LinkResult, error) {
	return LinkResult{}, ErrClientClosed
}

// Readdir returns a page of names.
func (c *Client) Readdir(ctx context.Context, auth *Auth, args ReaddirArgs) (ReaddirResult, error) {
	return ReaddirResult{}, ErrClientClosed
}

// Readdirplus returns a page of names with attributes and handles.
func (c *Client) Readdirplus(ctx context.Context, auth *Auth, args ReaddirplusArgs) (ReaddirplusResult, error) {
	return ReaddirplusResult{}, ErrClientClosed
}

// Fsstat returns the space of a file system.
func (c *Client) Fsstat(ctx context.Context, auth *Auth, args FsstatArgs) (FsstatResult, error) {
	return FsstatResult{}, ErrClientClosed
}

// Fsinfo returns what the server can do.
func (c *Client) Fsinfo(ctx context.Context, auth *Auth, args FsinfoArgs) (FsinfoResult, error) {
	return FsinfoResult{}, ErrClientClosed
}

// Pathconf returns the limits of names.
func (c *Client) Pathconf(ctx context.Context, auth *Auth, args PathconfArgs) (PathconfResult, error) {
	return PathconfResult{}, ErrClientClosed
}

// Commit makes unstable data durable.
func (c *Client) Commit(ctx context.Context, auth *Auth, args CommitArgs) (CommitResult, error) {
	return CommitResult{}, ErrClientClosed
}
