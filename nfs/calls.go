package nfs

import "context"

// Getattr returns an object's attributes.
func (c *Client) Getattr(ctx context.Context, auth *Auth, args GetattrArgs) (GetattrResult, error) {
	var res GetattrResult
	err := do(ctx, c, message(ProcGetattr, auth), &args, &res)
	return res, err
}

// Setattr changes an object's attributes.
func (c *Client) Setattr(ctx context.Context, auth *Auth, args SetattrArgs) (SetattrResult, error) {
	var res SetattrResult
	err := do(ctx, c, message(ProcSetattr, auth), &args, &res)
	return res, err
}

// Lookup finds a name in a directory.
func (c *Client) Lookup(ctx context.Context, auth *Auth, args LookupArgs) (LookupResult, error) {
	var res LookupResult
	err := do(ctx, c, message(ProcLookup, auth), &args, &res)
	return res, err
}

// Access asks which rights the caller has.
func (c *Client) Access(ctx context.Context, auth *Auth, args AccessArgs) (AccessResult, error) {
	var res AccessResult
	err := do(ctx, c, message(ProcAccess, auth), &args, &res)
	return res, err
}

// Readlink returns a symbolic link's text.
func (c *Client) Readlink(ctx context.Context, auth *Auth, args ReadlinkArgs) (ReadlinkResult, error) {
	var res ReadlinkResult
	err := do(ctx, c, message(ProcReadlink, auth), &args, &res)
	return res, err
}

// Create creates a regular file.
func (c *Client) Create(ctx context.Context, auth *Auth, args CreateArgs) (CreateResult, error) {
	var res CreateResult
	err := do(ctx, c, message(ProcCreate, auth), &args, &res)
	return res, err
}

// Mkdir creates a directory.
func (c *Client) Mkdir(ctx context.Context, auth *Auth, args MkdirArgs) (MkdirResult, error) {
	var res MkdirResult
	err := do(ctx, c, message(ProcMkdir, auth), &args, &res)
	return res, err
}

// Symlink creates a symbolic link.
func (c *Client) Symlink(ctx context.Context, auth *Auth, args SymlinkArgs) (SymlinkResult, error) {
	var res SymlinkResult
	err := do(ctx, c, message(ProcSymlink, auth), &args, &res)
	return res, err
}

// Mknod creates a device, socket or FIFO.
func (c *Client) Mknod(ctx context.Context, auth *Auth, args MknodArgs) (MknodResult, error) {
	var res MknodResult
	err := do(ctx, c, message(ProcMknod, auth), &args, &res)
	return res, err
}

// Remove removes a name that is no directory.
func (c *Client) Remove(ctx context.Context, auth *Auth, args RemoveArgs) (RemoveResult, error) {
	var res RemoveResult
	err := do(ctx, c, message(ProcRemove, auth), &args, &res)
	return res, err
}

// Rmdir removes an empty directory.
func (c *Client) Rmdir(ctx context.Context, auth *Auth, args RmdirArgs) (RmdirResult, error) {
	var res RmdirResult
	err := do(ctx, c, message(ProcRmdir, auth), &args, &res)
	return res, err
}

// Rename renames.
func (c *Client) Rename(ctx context.Context, auth *Auth, args RenameArgs) (RenameResult, error) {
	var res RenameResult
	err := do(ctx, c, message(ProcRename, auth), &args, &res)
	return res, err
}

// Link makes a hard link.
func (c *Client) Link(ctx context.Context, auth *Auth, args LinkArgs) (LinkResult, error) {
	var res LinkResult
	err := do(ctx, c, message(ProcLink, auth), &args, &res)
	return res, err
}

// Readdir returns a page of names.
func (c *Client) Readdir(ctx context.Context, auth *Auth, args ReaddirArgs) (ReaddirResult, error) {
	var res ReaddirResult
	err := do(ctx, c, message(ProcReaddir, auth), &args, &res)
	return res, err
}

// Fsstat returns the space of a file system.
func (c *Client) Fsstat(ctx context.Context, auth *Auth, args FsstatArgs) (FsstatResult, error) {
	var res FsstatResult
	err := do(ctx, c, message(ProcFsstat, auth), &args, &res)
	return res, err
}

// Fsinfo returns what the server can do.
func (c *Client) Fsinfo(ctx context.Context, auth *Auth, args FsinfoArgs) (FsinfoResult, error) {
	var res FsinfoResult
	err := do(ctx, c, message(ProcFsinfo, auth), &args, &res)
	return res, err
}

// Pathconf returns the limits of names.
func (c *Client) Pathconf(ctx context.Context, auth *Auth, args PathconfArgs) (PathconfResult, error) {
	var res PathconfResult
	err := do(ctx, c, message(ProcPathconf, auth), &args, &res)
	return res, err
}

// Commit makes unstable data durable.
func (c *Client) Commit(ctx context.Context, auth *Auth, args CommitArgs) (CommitResult, error) {
	var res CommitResult
	err := do(ctx, c, message(ProcCommit, auth), &args, &res)
	return res, err
}
