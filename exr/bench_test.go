package exr_test

import (
	"bytes"
	"image"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/spillway/spillway/exr"
)

// BenchmarkBlocks decodes a 1920 × 1080 frame of four halfs a pixel, grainy and with edges, as oiiotool packs it. The
// rate is that of unpacked samples.
func BenchmarkBlocks(b *testing.B) {
	tool, err := exec.LookPath("oiiotool")
	if err != nil {
		b.Skip("no oiiotool: apt-get install openimageio-tools")
	}
	h := exr.Header{DataWindow: image.Rect(0, 0, 1920, 1080)}
	for _, name := range []string{"A", "B", "G", "R"} {
		h.Channels = append(h.Channels, channel(name, exr.Half))
	}
	dir := b.TempDir()
	write(b, dir, "src.exr", encode(b, render(h)))
	for _, c := range all() {
		cmd := exec.CommandContext(b.Context(), tool, "--native", "src.exr", "--compression", c.String(), "-o", c.String()+".exr")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		data := read(b, filepath.Join(dir, c.String()+".exr"))
		for _, workers := range []int{1, 2} {
			b.Run(c.String()+"/workers="+strconv.Itoa(workers), func(b *testing.B) {
				b.SetBytes(1920 * 1080 * 8)
				b.ReportAllocs()
				for b.Loop() {
					f, err := exr.Open(bytes.NewReader(data), int64(len(data)))
					if err != nil {
						b.Fatal(err)
					}
					for _, err := range f.Blocks(workers) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
