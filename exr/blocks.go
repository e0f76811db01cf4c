package exr

import (
	"encoding/binary"
	"iter"
)

// sizes of what is held at once.
const (
	maxChunk = 1 << 30   // bytes of one unpacked chunk
	inFlight = 256 << 20 // bytes of all chunks that workers have, if there is more than one chunk
)

// Blocks unpacks the whole file, all parts and levels, in the order in which the chunks lie in the file: offsets read only
// ever grow. A block is the caller's until the next one. After an error there are no more.
//
// Up to workers goroutines unpack ahead, in memory of some 256 MiB, or that of one chunk where chunks are larger; with
// less than two, everything happens in the caller. They have ended when the loop has.
func (f *File) Blocks(workers int) iter.Seq2[*Block, error] {
	return func(yield func(*Block, error) bool) {
		workers = min(workers, len(f.chunks), int(inFlight/max(3*f.largest(), 1)))
		if workers < 2 {
			f.serial(yield)
			return
		}
		f.parallel(workers, yield)
	}
}

// largest returns the bytes of the largest unpacked chunk.
func (f *File) largest() int64 {
	var n int64
	for _, l := range f.layouts {
		_, bounds, _ := l.place(0)
		n = max(n, l.bytes(bounds))
	}
	return n
}

func (f *File) serial(yield func(*Block, error) bool) {
	s := &slot{}
	c := &codec{tables: &f.tables}
	var end int64
	for _, e := range f.chunks {
		if err := f.load(s, e, &end); err != nil {
			yield(nil, err)
			return
		}
		if err := c.unpack(s); err != nil {
			yield(nil, at(err, "%s", f.where(e)))
			return
		}
		if !yield(&s.block, nil) {
			return
		}
	}
}

// parallel reads in the caller, unpacks in workers, and yields in order: slots go round.
func (f *File) parallel(workers int, yield func(*Block, error) bool) {
	slots := make([]slot, workers+1)
	jobs := make(chan *slot, len(slots))
	ended := make(chan struct{})
	for range workers {
		go func() {
			defer func() { ended <- struct{}{} }()
			c := &codec{tables: &f.tables}
			for s := range jobs {
				s.done <- c.unpack(s)
			}
		}()
	}
	defer func() {
		close(jobs)
		for range workers {
			<-ended
		}
	}()
	for i := range slots {
		slots[i].done = make(chan error, 1)
	}
	var end int64
	for read, yielded := 0, 0; yielded < len(f.chunks); yielded++ {
		for read < len(f.chunks) && read < yielded+len(slots) {
			s := &slots[read%len(slots)]
			if s.err = f.load(s, f.chunks[read], &end); s.err != nil {
				s.done <- s.err
				read = len(f.chunks)
				break
			}
			jobs <- s
			read++
		}
		s := &slots[yielded%len(slots)]
		if err := <-s.done; err != nil {
			if s.err == nil {
				err = at(err, "%s", f.where(f.chunks[yielded]))
			}
			yield(nil, err)
			return
		}
		if !yield(&s.block, nil) {
			return
		}
	}
}

// slot is a chunk on its way.
type slot struct {
	block  Block
	packed []byte
	done   chan error
	err    error // of reading it
}

// load reads a chunk and its head. end is where the chunk before it ended.
func (f *File) load(s *slot, e entry, end *int64) error {
	fail := func(err error) error { return at(err, "%s", f.where(e)) }
	l := f.layouts[e.part]
	number, bounds, tile := l.place(int(e.index))

	head := make([]byte, 0, 24)
	var want []int
	if f.multi {
		want = append(want, int(e.part))
	}
	if l.Tiles == nil {
		want = append(want, bounds.Min.Y)
	} else {
		want = append(want, tile.X, tile.Y, number.X, number.Y)
	}
	head = head[:4*len(want)+4]
	switch {
	case e.offset < *end:
		return fail(damaged("its offset %d lies in the chunk before it, which ends at %d", e.offset, *end))
	case e.offset > f.size-int64(len(head)):
		return fail(truncated("the file"))
	}
	if err := readFull(f.from, head, e.offset); err != nil {
		return fail(err)
	}
	for i, w := range want {
		if got := int(int32(binary.LittleEndian.Uint32(head[4*i:]))); got != w {
			return fail(damaged("its head says %d where %d is due", got, w))
		}
	}
	packed := int64(binary.LittleEndian.Uint32(head[4*len(want):]))
	unpacked := l.bytes(bounds)
	from := e.offset + int64(len(head))
	switch {
	case packed > f.size-from:
		return fail(truncated("the file"))
	case unpacked > maxChunk:
		return fail(unsupported("a chunk of %d bytes, at most %d are unpacked", unpacked, maxChunk))
	case packed > unpacked, unpacked > packed*l.Compression.expansion():
		return fail(damaged("%d bytes cannot be the %s of %d", packed, l.Compression, unpacked))
	}
	*end = from + packed
	if int64(cap(s.packed)) < packed {
		s.packed = make([]byte, packed)
	}
	s.packed = s.packed[:packed]
	if err := readFull(f.from, s.packed, from); err != nil {
		return fail(err)
	}
	s.block.Part = int(e.part)
	s.block.reset(l, int(e.index))
	return nil
}
