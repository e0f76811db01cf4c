package load

import (
	"fmt"
	"math/rand/v2"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/xdr"
)

// File is a file to push at, as the server names it.
type File struct {
	Name   string
	Handle nfs.Handle
	Size   uint64
}

func handle(b []byte, h *nfs.Handle) []byte { return xdr.AppendOpaque(b, h.Bytes()) }

// Null calls NULL: what a call costs at least.
func Null() Work {
	return Work{Next: func(b []byte, _ uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) { return nfs.ProcNull, b, nil }}
}

// Getattr asks for the attributes of the files in turn.
func Getattr(files []File) Work {
	return Work{Body: 24 + 4 + 84, Next: func(b []byte, n uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) {
		return nfs.ProcGetattr, handle(b, &files[n%uint64(len(files))].Handle), nil
	}}
}

// Storm is what a stat walk with a search path does: for each name of the directory a LOOKUP, an ACCESS, and a LOOKUP of
// a name that is not there.
func Storm(dir File, files []File) Work {
	return Work{Allowed: []nfs.Status{nfs.ErrNoEnt}, Next: func(b []byte, n uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) {
		f := &files[n/3%uint64(len(files))]
		switch n % 3 {
		case 0:
			return nfs.ProcLookup, xdr.AppendString(handle(b, &dir.Handle), f.Name), nil
		case 1:
			return nfs.ProcAccess, xdr.AppendUint32(handle(b, &f.Handle), 0x3f), nil
		}
		b = handle(b, &dir.Handle)
		b = xdr.AppendUint32(b, uint32(len(f.Name)+4)) // absent names are as many as present ones
		b = append(append(b, "not-"...), f.Name...)
		return nfs.ProcLookup, xdr.AppendPadding(b, len(f.Name)+4), nil
	}}
}

// Read reads blocks of a file: one after the other from start to end and again, or at random.
func Read(f File, block uint32, random bool) Work {
	blocks := f.Size / uint64(block)
	return Work{Body: int(block), Next: func(b []byte, n uint64, r *rand.Rand) (nfs.Proc, []byte, []byte) {
		at := (n&(1<<40-1) + n>>40*blocks/2) % blocks // each connection begins at another place
		if random {
			at = r.Uint64N(blocks)
		}
		b = xdr.AppendUint64(handle(b, &f.Handle), at*uint64(block))
		return nfs.ProcRead, xdr.AppendUint32(b, block), nil
	}}
}

// Write overwrites a window of a file in blocks.
func Write(f File, window uint64, block []byte, stable nfs.Stable) Work {
	blocks := window / uint64(len(block))
	return Work{Next: func(b []byte, n uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) {
		b = xdr.AppendUint64(handle(b, &f.Handle), n%blocks*uint64(len(block)))
		b = xdr.AppendUint32(b, uint32(len(block)))
		b = xdr.AppendUint32(b, uint32(stable))
		return nfs.ProcWrite, xdr.AppendUint32(b, uint32(len(block))), block
	}}
}

// WriteOn writes a file on and on in blocks, with a COMMIT after so many of them while the next ones are on their way.
func WriteOn(f File, block []byte, commitEach uint64) Work {
	return Work{Next: func(b []byte, n uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) {
		commits := n / (commitEach + 1)
		if n%(commitEach+1) == commitEach {
			b = xdr.AppendUint64(handle(b, &f.Handle), 0)
			return nfs.ProcCommit, xdr.AppendUint32(b, 0), nil
		}
		b = xdr.AppendUint64(handle(b, &f.Handle), (n-commits)*uint64(len(block)))
		b = xdr.AppendUint32(b, uint32(len(block)))
		b = xdr.AppendUint32(b, uint32(nfs.Unstable))
		return nfs.ProcWrite, xdr.AppendUint32(b, uint32(len(block))), block
	}}
}

// Create makes new files in a directory.
func Create(dir File, prefix string) Work {
	return Work{Next: func(b []byte, n uint64, _ *rand.Rand) (nfs.Proc, []byte, []byte) {
		b = xdr.AppendString(handle(b, &dir.Handle), fmt.Sprintf("%s-%d", prefix, n))
		for _, v := range []uint32{0 /* UNCHECKED */, 1, 0o644, 0, 0, 0, 0, 0} {
			b = xdr.AppendUint32(b, v)
		}
		return nfs.ProcCreate, b, nil
	}}
}
