package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCommandsAreChecked(t *testing.T) {
	for _, line := range []string{
		`{"v":1,"do":"end"}`, `{"v":1,"do":"cancel","attempt":"a1","cause":"canceled","grace":5}`,
		`{"v":1,"do":"run","task":{"attempt":"a1","dir":"/x"},"later":"fields are ignored"}`,
	} {
		if _, err := ParseCommand([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, line := range []string{
		``, `{}`, `[]`, `{"v":2,"do":"end"}`, `{"v":1}`, `{"v":1,"do":"dance"}`, `{"v":1,"do":"run"}`, `{"v":1,"do":"run","task":{"attempt":"a1"}}`,
		`{"v":1,"do":"cancel"}`, `{"v":1,"do":"cancel","attempt":"a1","grace":-1}`,
	} {
		if _, err := ParseCommand([]byte(line)); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s is accepted: %v", line, err)
		}
	}
}

func TestMessagesAreChecked(t *testing.T) {
	for _, line := range []string{
		`{"v":1}`, `{"v":1,"session":{},"attempt":{"phase":"queued"}}`, `{"v":1,"attempt":{"phase":"ended"}}`, `{"v":1,"attempt":{"phase":"running","result":{}}}`, `{"v":0,"session":{}}`,
	} {
		if _, err := ParseMessage([]byte(line)); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s is accepted: %v", line, err)
		}
	}
}

// told runs f while somebody follows the board, and returns what was said and when.
func told(t *testing.T, f func(*board)) (messages []Message, at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("s1")
		w := b.watch()
		defer b.unwatch(w)
		began := time.Now()
		done := make(chan error, 1)
		go func() {
			done <- w.follow(t.Context(), func(m Message) error {
				messages, at = append(messages, m), append(at, time.Since(began))
				return nil
			})
		}()
		synctest.Wait()
		f(b)
		b.end("")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return messages, at
}

func TestProgressIsToldTwiceASecondAtMost(t *testing.T) {
	messages, at := told(t, func(b *board) {
		o := &observer{b, "a1"}
		o.Started()
		for i := range 100 { // ten seconds of it
			o.Progress(float64(i), "")
			o.LogGrew(int64(i))
			<-time.After(100 * time.Millisecond)
		}
	})
	if n := len(messages); n < 15 || n > 24 {
		t.Errorf("%d messages in %v", n, at[len(at)-1])
	}
	last := messages[len(messages)-2].Attempt
	if last == nil || last.Progress != 99 || last.LogSize != 99 || last.Elapsed < 9*time.Second {
		t.Errorf("the last state is %+v", last)
	}
}

func TestPhasesAreToldAtOnce(t *testing.T) {
	messages, at := told(t, func(b *board) {
		<-time.After(time.Second)
		(&observer{b, "a1"}).Started()
		<-time.After(time.Second)
		r := session.Result{Attempt: "a1", Cause: session.Success}
		b.change("a1", true, func(a *AttemptState) { a.Phase, a.Result = Over, &r })
		<-time.After(time.Second)
	})
	want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}
	if len(at) != len(want) {
		t.Fatalf("told %+v", messages)
	}
	for i := range want {
		if at[i] != want[i] {
			t.Errorf("message %d came at %v, want %v", i, at[i], want[i])
		}
	}
	if messages[0].Session == nil || messages[1].Attempt.Phase != Running || messages[2].Attempt.Result == nil || !messages[3].Session.Ended {
		t.Errorf("told %+v", messages)
	}
}

func TestFollowingEndsWithItsContextAndItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard("s1")
		gone := errors.New("gone")
		if err := b.watch().follow(t.Context(), func(Message) error { return gone }); !errors.Is(err, gone) {
			t.Errorf("follow = %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		w := b.watch()
		<-w.now
		if err := w.follow(ctx, func(Message) error { return nil }); !errors.Is(err, gone) {
			t.Errorf("follow = %v", err)
		}
	})
}

func FuzzCommand(f *testing.F) {
	for _, seed := range []string{`{"v":1,"do":"end"}`, `{"v":1,"do":"run","task":{"attempt":"a","dir":"/d"}}`, `{"v":1,"do":"cancel","attempt":"a","grace":1}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := ParseCommand(line)
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCommand(again); err != nil {
			t.Fatalf("%s was accepted, %s is not: %v", line, again, err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{`{"v":1,"session":{"session":"s"}}`, `{"v":1,"attempt":{"attempt":"a","phase":"ended","result":{"cause":"task"}}}`, `[]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := ParseMessage(line)
		if err == nil && (m.Session == nil) == (m.Attempt == nil) {
			t.Fatalf("%s: %+v", line, m)
		}
	})
}
