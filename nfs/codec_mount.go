package nfs

import "github.com/spillway/spillway/nfs/xdr"

// maxFlavors is the most authentication flavors of an export that a client takes.
const maxFlavors = 32

func (a *MntArgs) encode(b []byte) []byte  { return xdr.AppendString(b, a.Path) }
func (a *MntArgs) decode(d *xdr.Decoder)   { a.Path = d.String(MaxMountPath) }
func (a *UmntArgs) encode(b []byte) []byte { return xdr.AppendString(b, a.Path) }
func (a *UmntArgs) decode(d *xdr.Decoder)  { a.Path = d.String(MaxMountPath) }

func (r *MntResult) encode(b []byte) []byte {
	b = appendStatus(b, r.Status.Mount())
	if r.Status != OK {
		return b
	}
	b = appendHandle(b, &r.Root)
	if len(r.Flavors) == 0 {
		return xdr.AppendUint32(xdr.AppendUint32(b, 1), 1) // AUTH_SYS
	}
	b = xdr.AppendUint32(b, uint32(len(r.Flavors)))
	for _, f := range r.Flavors {
		b = xdr.AppendUint32(b, f)
	}
	return b
}

func (r *MntResult) decode(d *xdr.Decoder) {
	*r = MntResult{Status: decodeStatus(d)}
	if r.Status != OK {
		return
	}
	decodeHandle(d, &r.Root)
	n := d.Uint32()
	if n > maxFlavors {
		d.Fail(xdr.ErrLength)
		return
	}
	for range n {
		r.Flavors = append(r.Flavors, d.Uint32())
	}
}

func (r *DumpResult) encode(b []byte) []byte {
	for _, m := range r.Mounts {
		b = xdr.AppendString(xdr.AppendString(xdr.AppendBool(b, true), m.Host), m.Dir)
	}
	return xdr.AppendBool(b, false)
}

func (r *DumpResult) decode(d *xdr.Decoder) {
	r.Mounts = nil
	for d.Bool() {
		m := MountEntry{Host: d.String(MaxMountName), Dir: d.String(MaxMountPath)}
		if d.Err() != nil {
			return
		}
		r.Mounts = append(r.Mounts, m)
	}
}

func (r *ExportResult) encode(b []byte) []byte {
	for _, e := range r.Exports {
		b = xdr.AppendString(xdr.AppendBool(b, true), e.Dir)
		for _, g := range e.Groups {
			b = xdr.AppendString(xdr.AppendBool(b, true), g)
		}
		b = xdr.AppendBool(b, false)
	}
	return xdr.AppendBool(b, false)
}

func (r *ExportResult) decode(d *xdr.Decoder) {
	r.Exports = nil
	for d.Bool() {
		e := ExportEntry{Dir: d.String(MaxMountPath)}
		for d.Bool() {
			g := d.String(MaxMountName)
			if d.Err() != nil {
				return
			}
			e.Groups = append(e.Groups, g)
		}
		if d.Err() != nil {
			return
		}
		r.Exports = append(r.Exports, e)
	}
}
