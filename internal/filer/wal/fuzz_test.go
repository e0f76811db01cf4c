package wal

import (
	"bytes"
	"testing"
)

func FuzzBatch(f *testing.F) {
	s := segment{id: 7, ordinal: 3, first: 100}
	f.Add(s.appendBatch(nil, 100, 99, [][]byte{[]byte("a"), nil, bytes.Repeat([]byte("b"), 600)}), false)
	f.Add([]byte{}, false)
	f.Add(make([]byte, 1024), true)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) >= batchHeader { // let the fuzzer past magic and checksum
			b = append([]byte{}, b...)
			copy(b, []byte{0x53, 0x50, 0x57, 0x42})
			if n := int(uint32(b[28])<<24|uint32(b[29])<<16|uint32(b[30])<<8|uint32(b[31])) + batchHeader; n <= len(b) {
				sum := s.seed(b[8:n])
				copy(b[4:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
			}
		}
		got, err := s.parseBatch(b)
		if err != nil {
			return
		}
		again, err := s.parseBatch(s.appendBatch(nil, got.first, got.durable, got.records))
		if err != nil || len(again.records) != len(got.records) || again.first != got.first || again.durable != got.durable {
			t.Fatalf("does not read what it writes: %v", err)
		}
		for i := range got.records {
			if !bytes.Equal(got.records[i], again.records[i]) {
				t.Fatalf("record %d changed", i)
			}
		}
	})
}

func FuzzSegment(f *testing.F) {
	f.Add(segment{1, 2, 3}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseSegment(b); ok {
			if again, ok := parseSegment(s.encode()); !ok || again != s {
				t.Fatal("does not read what it writes")
			}
		}
	})
}

// A batch of another log, another segment, or another place does not pass.
func TestForeignBatches(t *testing.T) {
	s := segment{id: 7, ordinal: 3, first: 100}
	b := s.appendBatch(nil, 100, 99, [][]byte{[]byte("a")})
	if len(b) != sector {
		t.Fatalf("a small batch has %d bytes", len(b))
	}
	for _, other := range []segment{{8, 3, 100}, {7, 4, 100}} {
		if _, err := other.parseBatch(b); err == nil {
			t.Errorf("%+v accepts a batch of %+v", other, s)
		}
	}
	for i := range 50 {
		c := append([]byte{}, b...)
		c[i] ^= 4
		if got, err := s.parseBatch(c); err == nil && i < batchHeader+recordHeader+1 {
			t.Errorf("byte %d changed: accepted %+v", i, got)
		}
	}
}
