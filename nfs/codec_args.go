package nfs

import (
	"errors"

	"github.com/spillway/spillway/nfs/xdr"
)

// errEnum fails a decoder that meets a value outside an enumeration.
var errEnum = errors.New("nfs: value outside its enumeration")

// appendDirOp and decodeDirOp are the codec of diropargs3.
func appendDirOp(b []byte, dir *Handle, name string) []byte {
	return xdr.AppendString(appendHandle(b, dir), name)
}

func decodeDirOp(d *xdr.Decoder, dir *Handle, name *string) {
	decodeHandle(d, dir)
	*name = d.String(maxName)
}

func (a *GetattrArgs) encode(b []byte) []byte  { return appendHandle(b, &a.Object) }
func (a *GetattrArgs) decode(d *xdr.Decoder)   { decodeHandle(d, &a.Object) }
func (a *ReadlinkArgs) encode(b []byte) []byte { return appendHandle(b, &a.Object) }
func (a *ReadlinkArgs) decode(d *xdr.Decoder)  { decodeHandle(d, &a.Object) }
func (a *FsstatArgs) encode(b []byte) []byte   { return appendHandle(b, &a.Root) }
func (a *FsstatArgs) decode(d *xdr.Decoder)    { decodeHandle(d, &a.Root) }
func (a *FsinfoArgs) encode(b []byte) []byte   { return appendHandle(b, &a.Root) }
func (a *FsinfoArgs) decode(d *xdr.Decoder)    { decodeHandle(d, &a.Root) }
func (a *PathconfArgs) encode(b []byte) []byte { return appendHandle(b, &a.Object) }
func (a *PathconfArgs) decode(d *xdr.Decoder)  { decodeHandle(d, &a.Object) }
func (a *LookupArgs) encode(b []byte) []byte   { return appendDirOp(b, &a.Dir, a.Name) }
func (a *LookupArgs) decode(d *xdr.Decoder)    { decodeDirOp(d, &a.Dir, &a.Name) }
func (a *RemoveArgs) encode(b []byte) []byte   { return appendDirOp(b, &a.Dir, a.Name) }
func (a *RemoveArgs) decode(d *xdr.Decoder)    { decodeDirOp(d, &a.Dir, &a.Name) }

func (a *SetattrArgs) encode(b []byte) []byte {
	b = appendHandle(b, &a.Object)
	b = appendSetAttr(b, &a.Attr)
	b = xdr.AppendBool(b, a.Guarded)
	if a.Guarded {
		b = appendTime(b, a.Ctime)
	}
	return b
}

func (a *SetattrArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.Object)
	decodeSetAttr(d, &a.Attr)
	a.Guarded, a.Ctime = d.Bool(), Time{}
	if a.Guarded {
		a.Ctime = decodeTime(d)
	}
}

func (a *AccessArgs) encode(b []byte) []byte {
	return xdr.AppendUint32(appendHandle(b, &a.Object), uint32(a.Access))
}

func (a *AccessArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.Object)
	a.Access = Access(d.Uint32())
}

func (a *ReadArgs) encode(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendUint64(appendHandle(b, &a.File), a.Offset), a.Count)
}

func (a *ReadArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.File)
	a.Offset, a.Count = d.Uint64(), d.Uint32()
}

// encode appends all but the data, which follow as the message's payload.
func (a *WriteArgs) encode(b []byte) []byte {
	n := uint32(len(a.Data))
	b = xdr.AppendUint64(appendHandle(b, &a.File), a.Offset)
	return xdr.AppendUint32(xdr.AppendUint32(xdr.AppendUint32(b, n), uint32(a.Stable)), n)
}

func (a *WriteArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.File)
	a.Offset = d.Uint64()
	count := d.Uint32()
	a.Stable = Stable(d.Uint32())
	if a.Stable > FileSync {
		d.Fail(errEnum)
	}
	a.Data = d.Opaque(d.Len())
	a.Data = a.Data[:min(uint64(len(a.Data)), uint64(count))]
}

func (a *CreateArgs) encode(b []byte) []byte {
	b = appendDirOp(b, &a.Dir, a.Name)
	b = xdr.AppendUint32(b, uint32(a.How))
	if a.How == Exclusive {
		return appendVerifier(b, &a.Verifier)
	}
	return appendSetAttr(b, &a.Attr)
}

func (a *CreateArgs) decode(d *xdr.Decoder) {
	decodeDirOp(d, &a.Dir, &a.Name)
	a.Attr, a.Verifier = SetAttr{}, Verifier{}
	a.How = CreateMode(d.Uint32())
	switch a.How {
	case Unchecked, Guarded:
		decodeSetAttr(d, &a.Attr)
	case Exclusive:
		decodeVerifier(d, &a.Verifier)
	default:
		d.Fail(errEnum)
	}
}

func (a *MkdirArgs) encode(b []byte) []byte {
	return appendSetAttr(appendDirOp(b, &a.Dir, a.Name), &a.Attr)
}

func (a *MkdirArgs) decode(d *xdr.Decoder) {
	decodeDirOp(d, &a.Dir, &a.Name)
	decodeSetAttr(d, &a.Attr)
}

func (a *SymlinkArgs) encode(b []byte) []byte {
	return xdr.AppendString(appendSetAttr(appendDirOp(b, &a.Dir, a.Name), &a.Attr), a.Target)
}

func (a *SymlinkArgs) decode(d *xdr.Decoder) {
	decodeDirOp(d, &a.Dir, &a.Name)
	decodeSetAttr(d, &a.Attr)
	a.Target = d.String(maxTarget)
}

func (a *MknodArgs) encode(b []byte) []byte {
	b = xdr.AppendUint32(appendDirOp(b, &a.Dir, a.Name), uint32(a.Type))
	switch a.Type {
	case TypeChar, TypeBlock:
		b = appendSetAttr(b, &a.Attr)
		return xdr.AppendUint32(xdr.AppendUint32(b, a.Device.Major), a.Device.Minor)
	case TypeSocket, TypeFIFO:
		return appendSetAttr(b, &a.Attr)
	default: // MKNOD makes no other type: the server answers BADTYPE
		return b
	}
}

func (a *MknodArgs) decode(d *xdr.Decoder) {
	decodeDirOp(d, &a.Dir, &a.Name)
	a.Type, a.Attr, a.Device = FileType(d.Uint32()), SetAttr{}, Device{}
	switch a.Type {
	case TypeChar, TypeBlock:
		decodeSetAttr(d, &a.Attr)
		a.Device = Device{Major: d.Uint32(), Minor: d.Uint32()}
	case TypeSocket, TypeFIFO:
		decodeSetAttr(d, &a.Attr)
	default: // has nothing that follows
	}
}

func (a *RenameArgs) encode(b []byte) []byte {
	return appendDirOp(appendDirOp(b, &a.FromDir, a.FromName), &a.ToDir, a.ToName)
}

func (a *RenameArgs) decode(d *xdr.Decoder) {
	decodeDirOp(d, &a.FromDir, &a.FromName)
	decodeDirOp(d, &a.ToDir, &a.ToName)
}

func (a *LinkArgs) encode(b []byte) []byte {
	return appendDirOp(appendHandle(b, &a.Object), &a.Dir, a.Name)
}

func (a *LinkArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.Object)
	decodeDirOp(d, &a.Dir, &a.Name)
}

func (a *ReaddirArgs) encode(b []byte) []byte {
	b = xdr.AppendUint64(appendHandle(b, &a.Dir), uint64(a.Cookie))
	return xdr.AppendUint32(appendVerifier(b, &a.Verifier), a.Count)
}

func (a *ReaddirArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.Dir)
	a.Cookie = Cookie(d.Uint64())
	decodeVerifier(d, &a.Verifier)
	a.Count = d.Uint32()
}

func (a *ReaddirplusArgs) encode(b []byte) []byte {
	b = xdr.AppendUint64(appendHandle(b, &a.Dir), uint64(a.Cookie))
	b = appendVerifier(b, &a.Verifier)
	return xdr.AppendUint32(xdr.AppendUint32(b, a.DirCount), a.MaxCount)
}

func (a *ReaddirplusArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.Dir)
	a.Cookie = Cookie(d.Uint64())
	decodeVerifier(d, &a.Verifier)
	a.DirCount, a.MaxCount = d.Uint32(), d.Uint32()
}

func (a *CommitArgs) encode(b []byte) []byte {
	return xdr.AppendUint32(xdr.AppendUint64(appendHandle(b, &a.File), a.Offset), a.Count)
}

func (a *CommitArgs) decode(d *xdr.Decoder) {
	decodeHandle(d, &a.File)
	a.Offset, a.Count = d.Uint64(), d.Uint32()
}
