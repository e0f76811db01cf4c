package xdr_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/spillway/spillway/nfs/xdr"
)

func TestItems(t *testing.T) {
	b := xdr.AppendUint32(nil, 0xfffefdfc)
	b = xdr.AppendUint64(b, 1<<63|5)
	b = xdr.AppendBool(xdr.AppendBool(b, true), false)
	b = xdr.AppendOpaque(b, []byte("abcde"))
	b = xdr.AppendFixed(b, []byte("xy"))
	b = xdr.AppendString(b, "")
	b = xdr.AppendString(b, "four")
	d := xdr.NewDecoder(b)
	if v := d.Uint32(); v != 0xfffefdfc {
		t.Errorf("uint32 %x", v)
	}
	if v := d.Uint64(); v != 1<<63|5 {
		t.Errorf("uint64 %x", v)
	}
	if !d.Bool() || d.Bool() {
		t.Error("booleans")
	}
	if v := d.Opaque(5); string(v) != "abcde" {
		t.Errorf("opaque %q", v)
	}
	if v := d.Fixed(2); string(v) != "xy" {
		t.Errorf("fixed %q", v)
	}
	if v := d.String(0) + d.String(4); v != "four" {
		t.Errorf("strings %q", v)
	}
	if d.Err() != nil || d.Len() != 0 {
		t.Errorf("%v, %d bytes left", d.Err(), d.Len())
	}
}

func TestBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		input string
		read  func(*xdr.Decoder)
		want  error
	}{
		"half an integer":      {"\x00\x00\x00", func(d *xdr.Decoder) { d.Uint32() }, xdr.ErrShort},
		"half a hyper integer": {"\x00\x00\x00\x00\x00", func(d *xdr.Decoder) { d.Uint64() }, xdr.ErrShort},
		"boolean 2":            {"\x00\x00\x00\x02", func(d *xdr.Decoder) { d.Bool() }, xdr.ErrBool},
		"over the limit":       {"\x00\x00\x00\x05abcde\x00\x00\x00", func(d *xdr.Decoder) { d.Opaque(4) }, xdr.ErrLength},
		"4 GiB":                {"\xff\xff\xff\xff", func(d *xdr.Decoder) { d.Opaque(1 << 40) }, xdr.ErrShort},
		"no padding":           {"\x00\x00\x00\x01a", func(d *xdr.Decoder) { d.Opaque(9) }, xdr.ErrShort},
		"dirty padding":        {"\x00\x00\x00\x01a\x00\x01\x00", func(d *xdr.Decoder) { d.Opaque(9) }, xdr.ErrPadding},
		"negative":             {"abcd", func(d *xdr.Decoder) { d.Fixed(-1) }, xdr.ErrShort},
	} {
		d := xdr.NewDecoder([]byte(c.input))
		c.read(&d)
		if !errors.Is(d.Err(), c.want) {
			t.Errorf("%s: %v, want %v", name, d.Err(), c.want)
		}
		if d.Uint32() != 0 || d.Uint64() != 0 || d.Bool() || d.Opaque(9) != nil || d.String(9) != "" || d.Len() != 0 {
			t.Errorf("%s: items after an error", name)
		}
		if !errors.Is(d.Err(), c.want) {
			t.Errorf("%s: the first error is lost: %v", name, d.Err())
		}
	}
}

func FuzzOpaque(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x05abcde\x00\x00\x00"), 5)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		d := xdr.NewDecoder(b)
		v := d.Opaque(limit)
		if d.Err() == nil && !bytes.Equal(xdr.AppendOpaque(nil, v), b[:len(b)-d.Len()]) {
			t.Errorf("%q became %q", b, v)
		}
	})
}

func Example() {
	b := xdr.AppendString(xdr.AppendUint32(nil, 7), "frame")
	d := xdr.NewDecoder(b)
	fmt.Println(len(b), d.Uint32(), d.String(255), d.Err())
	// Output: 16 7 frame <nil>
}
