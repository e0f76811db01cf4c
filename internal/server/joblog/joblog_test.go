package joblog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/joblog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, limit int64) *joblog.Store {
	t.Helper()
	s, err := joblog.Open(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func appendAll(t *testing.T, s *joblog.Store, offset uint64, text string, complete bool) {
	t.Helper()
	if n, err := s.Append("j1", "a1", offset, []byte(text), complete); err != nil || n != offset+uint64(len(text)) {
		t.Fatalf("stored %d, %v", n, err)
	}
}

func read(t *testing.T, s *joblog.Store, offset uint64) string {
	t.Helper()
	r, err := s.Read(context.Background(), "j1", "a1", offset, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMissingLogIsEmpty(t *testing.T) {
	s := open(t, 0)
	if got := read(t, s, 0); got != "" {
		t.Errorf("got %q", got)
	}
	if size, err := s.Size("j1", "a1"); err != nil || size != 0 {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestFollowerSeesEverythingOnce(t *testing.T) {
	s := open(t, 0)
	synctest.Test(t, func(t *testing.T) {
		r, err := s.Read(t.Context(), "j1", "a1", 0, true)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got := make(chan string)
		go func() {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			got <- string(text)
		}()
		synctest.Wait()
		appendAll(t, s, 0, "one ", false)
		synctest.Wait()
		appendAll(t, s, 4, "two", true)
		if text := <-got; text != "one two" {
			t.Errorf("got %q", text)
		}
	})
}

func TestFollowerEndsWithFinishAndWithItsContext(t *testing.T) {
	s := open(t, 0)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		for _, end := range []func(){func() { s.Finish("a1") }, stop} {
			r, err := s.Read(ctx, "j1", "a1", 0, true)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { _, err := io.ReadAll(r); done <- err }()
			synctest.Wait()
			end()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			r.Close()
		}
	})
}

func TestLongLogKeepsHeadAndTail(t *testing.T) {
	const limit = 64 << 10
	s := open(t, limit)
	line := strings.Repeat("x", 1023) + "\n"
	var all bytes.Buffer
	for all.Len() < 10*limit {
		offset := uint64(all.Len())
		all.WriteString(line)
		appendAll(t, s, offset, line, false)
	}
	appendAll(t, s, uint64(all.Len()), "the end\n", true)
	got := read(t, s, 0)
	if len(got) >= 2*limit {
		t.Skip("needs a file system with holes")
	}
	if !strings.HasPrefix(got, line) || !strings.HasSuffix(got, line+"the end\n") || !strings.Contains(got, "output left out here]") {
		t.Errorf("%d bytes are read: %.80q … %q", len(got), got, got[len(got)-80:])
	}
	if tail := read(t, s, uint64(all.Len())); tail != "the end\n" {
		t.Errorf("by offset: %q", tail)
	}
}

func TestNamesCannotLeaveTheFolder(t *testing.T) {
	s := open(t, 0)
	if _, err := s.Append("..", "a1", 0, nil, false); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := s.Append("j1", "../a1", 0, nil, false); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if err := s.Remove("../x"); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
