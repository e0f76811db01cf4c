package s3_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/blobtest"
	"github.com/spillway/spillway/internal/origin/blob/s3"
	"github.com/spillway/spillway/internal/origin/blob/s3/s3test"
	"github.com/spillway/spillway/internal/origin/origintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial opens a store at a server of the test.
func dial(t *testing.T, h http.Handler, edit ...func(*s3.Config)) *s3.Store {
	t.Helper()
	srv := httptest.NewServer(h)
	cfg := s3.Config{Bucket: "studio", Endpoint: srv.URL, Region: "eu-central-1", Keys: pair("AKIDEXAMPLE", "not/a+secret")}
	for _, e := range edit {
		e(&cfg)
	}
	s, err := s3.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); srv.Close() })
	return s
}

func pair(access, secret string) func() (string, string, error) {
	return func() (string, string, error) { return access, secret, nil }
}

func fake(t *testing.T) http.Handler {
	t.Helper()
	b := s3mem.New()
	if err := b.CreateBucket("studio"); err != nil {
		t.Fatal(err)
	}
	return gofakes3.New(b, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
}

func openOrigin(t *testing.T, s blob.Store) *blob.Origin {
	t.Helper()
	o, err := blob.Open(blob.Config{
		Store: s, Name: "s3:studio/p", Prefix: "p", Dir: t.TempDir(),
		Defaults: blob.Defaults{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// kind is where gofakes3 is not Amazon S3; the strict double stands in there.
var kind = blobtest.Kindness{
	ReadConditions: true, CopyConditions: true, CopyKeeps: true, DeleteConditions: true, CompleteConditions: true, CompleteTag: true,
	Headers: true, OddKeys: true, Markers: true, Repeats: true,
}

func TestStoreOverGofakes3(t *testing.T) {
	blobtest.Run(t, kind, func(t *testing.T) blob.Store { return dial(t, fake(t)) })
}

func TestStoreOverTheStrictDouble(t *testing.T) {
	blobtest.Run(t, blobtest.Kindness{}, func(t *testing.T) blob.Store { return dial(t, s3test.New()) })
}

func TestOriginOverGofakes3(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin { return openOrigin(t, dial(t, fake(t))) })
}

func TestOriginOverTheStrictDouble(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin { return openOrigin(t, dial(t, s3test.New())) })
}

// A large object is copied in parts.
func TestLargeCopy(t *testing.T) {
	s := dial(t, s3test.New(), func(c *s3.Config) { c.CopyLimit = 5 << 20 })
	data := strings.Repeat("0123456789abcdef", 1<<20)[:12<<20]
	from, err := s.Put(t.Context(), "a", strings.NewReader(data), int64(len(data)), blob.Props{}, blob.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	to, err := s.Copy(t.Context(), from, "b", blob.Props{Meta: map[string]string{"uid": "1"}}, blob.Cond{Absent: true})
	if err != nil || to.Size != from.Size {
		t.Fatal(to, err)
	}
	if head, err := s.Head(t.Context(), "b"); err != nil || head.Size != from.Size || head.Props.Meta["uid"] != "1" {
		t.Fatalf("%+v, %v", head, err)
	}
}

// What a store answers when it is busy is tried again, also an error that comes after a status of 200, as of a copy.
func TestBusyStore(t *testing.T) {
	double := s3test.New()
	asked := map[string]int{}
	double.Fail = func(r *http.Request) (int, string) {
		step := r.Method + r.URL.Path
		if asked[step]++; asked[step] > 1 {
			return 0, ""
		}
		if r.Header.Get("X-Amz-Copy-Source") != "" {
			return http.StatusOK, "InternalError"
		}
		return http.StatusServiceUnavailable, "SlowDown"
	}
	s := dial(t, double)
	obj, err := s.Put(t.Context(), "a", strings.NewReader("x"), 1, blob.Props{}, blob.Cond{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Copy(t.Context(), obj, "b", blob.Props{}, blob.Cond{Absent: true}); err != nil {
		t.Error(err)
	}
	if got := double.Keys(); !slices.Equal(got, []string{"a", "b"}) || asked["PUT/studio/a"] != 2 || asked["PUT/studio/b"] != 2 {
		t.Errorf("the bucket holds %q after %v", got, asked)
	}
}

// What a user did wrong is told.
func TestFailures(t *testing.T) {
	double := s3test.New()
	answer := func(status int, code string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>no</Message></Error>`))
		})
	}
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	none := func() (string, string, error) { return "", "", errors.New("the file is not there") }
	once := func(c *s3.Config) { c.Attempts = 1 }
	hasty := func(c *s3.Config) { c.Attempts, c.Patience = 1, 20*time.Millisecond }
	for name, c := range map[string]struct {
		h    http.Handler
		edit func(*s3.Config)
		kind fault.Kind
		is   error
		hint string
	}{
		"wrong bucket":   {double, func(c *s3.Config) { c.Bucket = "other" }, fault.Unavailable, blob.ErrNoBucket, "create the bucket"},
		"wrong key":      {double, func(c *s3.Config) { c.Keys = pair("nobody", "x") }, fault.Denied, nil, "s3.accessKey"},
		"wrong secret":   {double, func(c *s3.Config) { c.Keys = pair("AKIDEXAMPLE", "x") }, fault.Denied, nil, "s3.secretKey"},
		"no keys":        {double, func(c *s3.Config) { c.Keys = none }, fault.Denied, nil, "AWS_ACCESS_KEY_ID"},
		"denied":         {answer(403, "AccessDenied"), once, fault.Denied, nil, "ListBucket"},
		"another region": {double, func(c *s3.Config) { c.Region = "us-west-1" }, fault.Invalid, nil, "s3.region"},
		"busy":           {answer(503, "SlowDown"), once, fault.Unavailable, nil, ""},
		"full":           {answer(507, "QuotaExceeded"), once, fault.Exhausted, nil, ""},
		"silent":         {hang, hasty, fault.Unavailable, nil, "s3.endpoint"},
		"nobody there":   {double, func(c *s3.Config) { once(c); c.Endpoint = "http://127.0.0.1:1" }, fault.Unavailable, nil, "s3.endpoint"},
		"no such name":   {double, func(c *s3.Config) { once(c); c.Endpoint = "http://s3.invalid" }, fault.Unavailable, nil, "s3.endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			err := openOrigin(t, dial(t, c.h, c.edit)).Probe(t.Context())
			if fault.KindOf(err) != c.kind || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("%v: %v; hint %q", fault.KindOf(err), err, fault.HintOf(err))
			}
		})
	}
	if _, err := s3.Open(t.Context(), s3.Config{Bucket: "b", Endpoint: "s3.studio"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an endpoint without a scheme: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(t, double).Head(ctx, "a"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a call that was given up: %v", err)
	}
}
