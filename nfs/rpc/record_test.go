package rpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// fragment returns a fragment with its mark.
func fragment(last bool, data []byte) []byte {
	mark := uint32(len(data))
	if last {
		mark |= lastMark
	}
	return append(binary.BigEndian.AppendUint32(nil, mark), data...)
}

// pieces returns data as a record of fragments of n bytes.
func pieces(data []byte, n int) []byte {
	var b []byte
	for len(data) > n {
		b = append(b, fragment(false, data[:n])...)
		data = data[n:]
	}
	return append(b, fragment(true, data)...)
}

func TestRecordsOfManyFragments(t *testing.T) {
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	var stream []byte
	for _, n := range []int{1000, 99_999, 100_000, 200_000, 4} {
		stream = append(stream, pieces(data, n)...)
	}
	stream = append(stream, pieces(nil, 1)...)
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(stream), "in halves": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		records, p := newRecordReader(r, 4096, 1<<20), &pool{}
		for range 5 {
			buf, err := records.record(p)
			if err != nil || !bytes.Equal(buf.b, data) {
				t.Fatalf("%s: %v", name, err)
			}
			p.put(buf)
		}
		if buf, err := records.record(p); err != nil || len(buf.b) != 0 {
			t.Fatalf("%s: the empty record: %v", name, err)
		}
		if _, err := records.record(p); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the end is %v", name, err)
		}
	}
}

func TestBadRecords(t *testing.T) {
	for name, c := range map[string]struct {
		stream []byte
		want   error
	}{
		"half a mark":      {[]byte{0x80, 0}, io.ErrUnexpectedEOF},
		"half a fragment":  {fragment(true, make([]byte, 100))[:50], io.ErrUnexpectedEOF},
		"no last fragment": {fragment(false, make([]byte, 100)), io.ErrUnexpectedEOF},
		"4 GiB":            {[]byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}, ErrRecordSize},
		"one byte over":    {fragment(true, make([]byte, 1025)), ErrRecordSize},
		"over in the sum":  {append(fragment(false, make([]byte, 1000)), fragment(true, make([]byte, 100))...), ErrRecordSize},
		"empty for ever":   {bytes.Repeat(fragment(false, nil), 10_000), ErrRecordSize},
	} {
		if _, err := newRecordReader(bytes.NewReader(c.stream), 4096, 1024).record(&pool{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSkippingWhatIsLeft(t *testing.T) {
	stream := append(pieces(make([]byte, 5000), 999), pieces([]byte("next"), 2)...)
	records := newRecordReader(bytes.NewReader(stream), 4096, 1<<20)
	if err := records.next(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(records, make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	if err := records.next(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(records); err != nil || string(b) != "next" {
		t.Errorf("%q, %v", b, err)
	}
}

// FuzzRecords reads a stream both ways: record by record, and as a stream of bytes.
func FuzzRecords(f *testing.F) {
	f.Add(pieces([]byte("hello, world"), 5))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat(fragment(false, nil), 3))
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1 << 16
		whole, parts := newRecordReader(bytes.NewReader(stream), 16, limit), newRecordReader(bytes.NewReader(stream), 4096, limit)
		for {
			buf, err := whole.record(&pool{})
			var b []byte
			partErr := parts.next()
			if partErr == nil {
				b, partErr = io.ReadAll(parts)
			}
			if (err == nil) != (partErr == nil) {
				t.Fatalf("%v at once, %v in parts", err, partErr)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(buf.b, b) || len(b) > limit {
				t.Fatalf("%d bytes at once, %d in parts", len(buf.b), len(b))
			}
		}
	})
}
