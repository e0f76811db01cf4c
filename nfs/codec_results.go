package nfs

import "github.com/spillway/spillway/nfs/xdr"

// Each result has encode, which appends it, decode, which overwrites it, and outcome, its status.

func (r *GetattrResult) outcome() *Status  { return &r.Status }
func (r *SetattrResult) outcome() *Status  { return &r.Status }
func (r *LookupResult) outcome() *Status   { return &r.Status }
func (r *AccessResult) outcome() *Status   { return &r.Status }
func (r *ReadlinkResult) outcome() *Status { return &r.Status }
func (r *ReadResult) outcome() *Status     { return &r.Status }
func (r *WriteResult) outcome() *Status    { return &r.Status }
func (r *NewResult) outcome() *Status      { return &r.Status }
func (r *RemoveResult) outcome() *Status   { return &r.Status }
func (r *RenameResult) outcome() *Status   { return &r.Status }
func (r *LinkResult) outcome() *Status     { return &r.Status }
func (r *ReaddirResult) outcome() *Status  { return &r.Status }
func (r *FsstatResult) outcome() *Status   { return &r.Status }
func (r *FsinfoResult) outcome() *Status   { return &r.Status }
func (r *PathconfResult) outcome() *Status { return &r.Status }
func (r *CommitResult) outcome() *Status   { return &r.Status }
func (r *MntResult) outcome() *Status      { return &r.Status }
func (r *DumpResult) outcome() *Status     { return &r.status }
func (r *ExportResult) outcome() *Status   { return &r.status }

func appendStatus(b []byte, s Status) []byte { return xdr.AppendUint32(b, uint32(s)) }
func decodeStatus(d *xdr.Decoder) (s Status) { return Status(d.Uint32()) }

func (r *GetattrResult) encode(b []byte) []byte {
	b = appendStatus(b, r.Status)
	if r.Status == OK {
		b = appendAttr(b, &r.Attr)
	}
	return b
}

func (r *GetattrResult) decode(d *xdr.Decoder) {
	*r = GetattrResult{Status: decodeStatus(d)}
	if r.Status == OK {
		decodeAttr(d, &r.Attr)
	}
}

func (r *SetattrResult) encode(b []byte) []byte { return appendWcc(appendStatus(b, r.Status), &r.Wcc) }

func (r *SetattrResult) decode(d *xdr.Decoder) {
	r.Status = decodeStatus(d)
	decodeWcc(d, &r.Wcc)
}

func (r *LookupResult) encode(b []byte) []byte {
	b = appendStatus(b, r.Status)
	if r.Status == OK {
		b = appendOptAttr(appendHandle(b, &r.Object), &r.Attr)
	}
	return appendOptAttr(b, &r.DirAttr)
}

func (r *LookupResult) decode(d *xdr.Decoder) {
	*r = LookupResult{Status: decodeStatus(d)}
	if r.Status == OK {
		decodeHandle(d, &r.Object)
		decodeOptAttr(d, &r.Attr)
	}
	decodeOptAttr(d, &r.DirAttr)
}

func (r *AccessResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status == OK {
		b = xdr.AppendUint32(b, uint32(r.Access))
	}
	return b
}

func (r *AccessResult) decode(d *xdr.Decoder) {
	*r = AccessResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status == OK {
		r.Access = Access(d.Uint32())
	}
}

func (r *ReadlinkResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status == OK {
		b = xdr.AppendString(b, r.Target)
	}
	return b
}

func (r *ReadlinkResult) decode(d *xdr.Decoder) {
	*r = ReadlinkResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status == OK {
		r.Target = d.String(maxTarget)
	}
}

// length returns the number of bytes that the result carries.
func (r *ReadResult) length() int {
	if r.Range.File != nil {
		return r.Range.Length
	}
	return len(r.Data)
}

// encode appends all but the data, which follow as the reply's payload.
func (r *ReadResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status == OK {
		n := uint32(r.length())
		b = xdr.AppendUint32(xdr.AppendBool(xdr.AppendUint32(b, n), r.EOF), n)
	}
	return b
}

// decode reads a result with its data, which alias the decoder's input.
func (r *ReadResult) decode(d *xdr.Decoder) {
	*r = ReadResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status == OK {
		count := d.Uint32()
		r.EOF = d.Bool()
		r.Data = d.Opaque(d.Len())
		r.Data = r.Data[:min(uint64(len(r.Data)), uint64(count))]
	}
}

func (r *WriteResult) encode(b []byte) []byte {
	b = appendWcc(appendStatus(b, r.Status), &r.Wcc)
	if r.Status == OK {
		b = xdr.AppendUint32(xdr.AppendUint32(b, r.Count), uint32(r.Committed))
		b = appendVerifier(b, &r.Verifier)
	}
	return b
}

func (r *WriteResult) decode(d *xdr.Decoder) {
	*r = WriteResult{Status: decodeStatus(d)}
	decodeWcc(d, &r.Wcc)
	if r.Status == OK {
		r.Count, r.Committed = d.Uint32(), Stable(d.Uint32())
		decodeVerifier(d, &r.Verifier)
	}
}

func (r *NewResult) encode(b []byte) []byte {
	b = appendStatus(b, r.Status)
	if r.Status == OK {
		b = appendOptAttr(appendOptHandle(b, &r.Object), &r.Attr)
	}
	return appendWcc(b, &r.DirWcc)
}

func (r *NewResult) decode(d *xdr.Decoder) {
	*r = NewResult{Status: decodeStatus(d)}
	if r.Status == OK {
		decodeOptHandle(d, &r.Object)
		decodeOptAttr(d, &r.Attr)
	}
	decodeWcc(d, &r.DirWcc)
}

func (r *RemoveResult) encode(b []byte) []byte {
	return appendWcc(appendStatus(b, r.Status), &r.DirWcc)
}

func (r *RemoveResult) decode(d *xdr.Decoder) {
	r.Status = decodeStatus(d)
	decodeWcc(d, &r.DirWcc)
}

func (r *RenameResult) encode(b []byte) []byte {
	return appendWcc(appendWcc(appendStatus(b, r.Status), &r.FromWcc), &r.ToWcc)
}

func (r *RenameResult) decode(d *xdr.Decoder) {
	r.Status = decodeStatus(d)
	decodeWcc(d, &r.FromWcc)
	decodeWcc(d, &r.ToWcc)
}

func (r *LinkResult) encode(b []byte) []byte {
	return appendWcc(appendOptAttr(appendStatus(b, r.Status), &r.Attr), &r.DirWcc)
}

func (r *LinkResult) decode(d *xdr.Decoder) {
	r.Status = decodeStatus(d)
	decodeOptAttr(d, &r.Attr)
	decodeWcc(d, &r.DirWcc)
}

func (r *FsstatResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status != OK {
		return b
	}
	b = xdr.AppendUint64(b, r.TotalBytes)
	b = xdr.AppendUint64(b, r.FreeBytes)
	b = xdr.AppendUint64(b, r.AvailBytes)
	b = xdr.AppendUint64(b, r.TotalFiles)
	b = xdr.AppendUint64(b, r.FreeFiles)
	b = xdr.AppendUint64(b, r.AvailFiles)
	return xdr.AppendUint32(b, r.Invarsec)
}

func (r *FsstatResult) decode(d *xdr.Decoder) {
	*r = FsstatResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status != OK {
		return
	}
	r.TotalBytes, r.FreeBytes, r.AvailBytes = d.Uint64(), d.Uint64(), d.Uint64()
	r.TotalFiles, r.FreeFiles, r.AvailFiles = d.Uint64(), d.Uint64(), d.Uint64()
	r.Invarsec = d.Uint32()
}

func (r *FsinfoResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status != OK {
		return b
	}
	for _, v := range [...]uint32{r.ReadMax, r.ReadPref, r.ReadMult, r.WriteMax, r.WritePref, r.WriteMult, r.DirPref} {
		b = xdr.AppendUint32(b, v)
	}
	b = appendTime(xdr.AppendUint64(b, r.MaxFileSize), r.TimeDelta)
	return xdr.AppendUint32(b, uint32(r.Properties))
}

func (r *FsinfoResult) decode(d *xdr.Decoder) {
	*r = FsinfoResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status != OK {
		return
	}
	r.ReadMax, r.ReadPref, r.ReadMult = d.Uint32(), d.Uint32(), d.Uint32()
	r.WriteMax, r.WritePref, r.WriteMult = d.Uint32(), d.Uint32(), d.Uint32()
	r.DirPref, r.MaxFileSize, r.TimeDelta = d.Uint32(), d.Uint64(), decodeTime(d)
	r.Properties = Properties(d.Uint32())
}

func (r *PathconfResult) encode(b []byte) []byte {
	b = appendOptAttr(appendStatus(b, r.Status), &r.Attr)
	if r.Status != OK {
		return b
	}
	b = xdr.AppendUint32(xdr.AppendUint32(b, r.LinkMax), r.NameMax)
	b = xdr.AppendBool(xdr.AppendBool(b, r.NoTrunc), r.ChownRestricted)
	return xdr.AppendBool(xdr.AppendBool(b, r.CaseInsensitive), r.CasePreserving)
}

func (r *PathconfResult) decode(d *xdr.Decoder) {
	*r = PathconfResult{Status: decodeStatus(d)}
	decodeOptAttr(d, &r.Attr)
	if r.Status != OK {
		return
	}
	r.LinkMax, r.NameMax = d.Uint32(), d.Uint32()
	r.NoTrunc, r.ChownRestricted = d.Bool(), d.Bool()
	r.CaseInsensitive, r.CasePreserving = d.Bool(), d.Bool()
}

func (r *CommitResult) encode(b []byte) []byte {
	b = appendWcc(appendStatus(b, r.Status), &r.Wcc)
	if r.Status == OK {
		b = appendVerifier(b, &r.Verifier)
	}
	return b
}

func (r *CommitResult) decode(d *xdr.Decoder) {
	*r = CommitResult{Status: decodeStatus(d)}
	decodeWcc(d, &r.Wcc)
	if r.Status == OK {
		decodeVerifier(d, &r.Verifier)
	}
}
