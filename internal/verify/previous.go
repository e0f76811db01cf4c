package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/spillway/spillway/internal/fault"
)

// repeats says whether the file at path, of this size and digest, is byte for byte the frame before it: the file whose
// name has the last number in path's less one. If there is none it is not.
func repeats(ctx context.Context, path string, found *Result) error {
	for _, before := range previous(path) {
		f, info, err := open(before)
		switch {
		case fault.KindOf(err) == fault.NotFound, fault.KindOf(err) == fault.Invalid: // nothing, or a folder of that name
			continue
		case err != nil:
			return err
		}
		same, err := func() (bool, error) {
			defer f.Close()
			if uint64(info.Size()) != found.Size {
				return false, nil
			}
			r := newReader(ctx, f)
			_, err := io.Copy(io.Discard, r)
			return hex.EncodeToString(r.hash.Sum(nil)) == found.SHA256, err
		}()
		switch {
		case err != nil:
			return fault.Wrap(fault.Unavailable, err, "read "+before)
		case same:
			return fault.New(fault.Invalid, "%s is byte for byte the same as %s; look whether its frame number reaches the renderer, "+
				"or leave repeat out of refuse", path, filepath.Base(before))
		}
		return nil
	}
	return nil
}

// previous returns the names that the frame before path may have: frame_0099 comes before frame_0100, and 99 or 099 before 100.
func previous(path string) []string {
	dir, base := filepath.Split(path)
	stem := base[:len(base)-len(filepath.Ext(base))]
	end := len(stem)
	for end > 0 && !digit(stem[end-1]) {
		end--
	}
	start := end
	for start > 0 && digit(stem[start-1]) {
		start--
	}
	n, err := strconv.ParseUint(stem[start:end], 10, 63)
	if err != nil || n == 0 {
		return nil
	}
	padded := fmt.Sprintf("%0*d", end-start, n-1)
	out := []string{dir + base[:start] + padded + base[end:]}
	if plain := strconv.FormatUint(n-1, 10); plain != padded {
		out = append(out, dir+base[:start]+plain+base[end:])
	}
	return out
}

func digit(b byte) bool { return b >= '0' && b <= '9' }
