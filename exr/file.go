package exr

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// Magic is how every OpenEXR file starts.
const Magic = "\x76\x2f\x31\x01"

// bits of the version field.
const (
	versionMask   = 0xff
	bitTiled      = 0x200
	bitLongNames  = 0x400
	bitNotFlat    = 0x800
	bitMultipart  = 0x1000
	bitsKnown     = bitTiled | bitLongNames | bitNotFlat | bitMultipart
	shortName     = 31
	longName      = 255
	versionNumber = 2
)

// File is an open OpenEXR file. Its methods may be called from several goroutines at once.
type File struct {
	Parts []Header // at least one

	from    io.ReaderAt
	size    int64
	multi   bool
	layouts []*layout // one per part
	chunks  []entry   // of all parts, in the order of the file
	tables  tables
}

// entry is an entry of an offset table.
type entry struct {
	offset int64 // of the chunk in the file, bytes
	part   int32
	index  int32 // in the part's table
}

// Open reads the headers and the offset tables of the file of size bytes, from the front, with small steps back; the chunks
// follow them in the file. The file must not change while it is in use.
//
// An error is an [Error], or what r returned.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{from: r, size: size}
	s := &scanner{from: r, size: size, names: shortName}
	start, err := s.bytes(8)
	if err != nil {
		return nil, at(err, "header")
	}
	if string(start[:4]) != Magic {
		return nil, damaged("it does not start as an OpenEXR file does, but with %q", start[:4])
	}
	version := binary.LittleEndian.Uint32(start[4:])
	switch {
	case version&versionMask != versionNumber:
		return nil, unsupported("version %d of the file format", version&versionMask)
	case version&^(versionMask|bitsKnown) != 0:
		return nil, unsupported("the flags %#x of the version field", version&^versionMask)
	case version&bitNotFlat != 0 && version&bitMultipart == 0:
		return nil, unsupported("it holds deep data")
	}
	if version&bitLongNames != 0 {
		s.names = longName
	}
	f.multi = version&bitMultipart != 0
	drafts, err := s.headers(f.multi, version&bitTiled != 0)
	if err != nil {
		return nil, err
	}
	if err := f.readTables(s, drafts); err != nil {
		return nil, err
	}
	return f, nil
}

// headers reads the headers of all parts.
func (s *scanner) headers(multi, tiled bool) ([]*draft, error) {
	var out []*draft
	for {
		d, more, err := s.header()
		if err != nil {
			return nil, at(err, "header of part %d", len(out))
		}
		if !more {
			break
		}
		if err := d.finish(multi, tiled); err != nil {
			return nil, at(err, "%s", d.title(len(out)))
		}
		out = append(out, d)
		if !multi {
			break
		}
	}
	if len(out) == 0 {
		return nil, at(damaged("it is empty"), "header")
	}
	return out, nil
}

// readTables reads the offset tables, which follow the headers.
func (f *File) readTables(s *scanner, drafts []*draft) error {
	f.Parts = make([]Header, len(drafts))
	for i, d := range drafts {
		f.Parts[i] = d.Header
		l, err := newLayout(&d.Header, min((s.size-s.pos)/8, math.MaxInt32))
		if err != nil {
			return at(err, "%s", d.title(i))
		}
		if d.chunkCount >= 0 && d.chunkCount != l.chunks {
			return at(damaged("it says to have %d chunks, and its size needs %d", d.chunkCount, l.chunks), "%s", d.title(i))
		}
		f.layouts = append(f.layouts, l)
		table, err := s.bytes(8 * int64(l.chunks))
		if err != nil {
			return at(err, "%s", d.title(i))
		}
		f.chunks = slices.Grow(f.chunks, l.chunks)
		for index := range l.chunks {
			e := entry{offset: int64(binary.LittleEndian.Uint64(table[8*index:])), part: int32(i), index: int32(index)}
			if e.offset == 0 {
				return at(truncated("never written"), "%s", f.where(e))
			}
			f.chunks = append(f.chunks, e)
		}
	}
	slices.SortFunc(f.chunks, func(a, b entry) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	if first := f.chunks[0]; first.offset < s.pos {
		return at(damaged("its offset %d lies in the header", first.offset), "%s", f.where(first))
	}
	return nil
}

// where names a chunk in messages.
func (f *File) where(e entry) string {
	where := f.layouts[e.part].where(int(e.index))
	if f.multi {
		return f.Parts[e.part].title(int(e.part)) + ", " + where
	}
	return where
}
