package azblob_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/azblob"
	"github.com/spillway/spillway/internal/origin/blob/azblob/azuretest"
	"github.com/spillway/spillway/internal/origin/blob/blobtest"
	"github.com/spillway/spillway/internal/origin/origintest"
)

func openOrigin(t *testing.T, s blob.Store) *blob.Origin {
	t.Helper()
	o, err := blob.Open(blob.Config{
		Store: s, Name: "azblob:studio/p", Prefix: "p", Dir: t.TempDir(),
		Defaults: blob.Defaults{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestStoreOverAzurite(t *testing.T) {
	blobtest.Run(t, blobtest.Kindness{}, func(t *testing.T) blob.Store { return emptyContainer(t) })
}

func TestOriginOverAzurite(t *testing.T) {
	origintest.Run(t, func(t *testing.T) origin.Origin { return openOrigin(t, emptyContainer(t)) })
}

// Of two uploads to one blob, the one that is completed removes the blocks of the other, which is told so.
func TestTwoUploadsAtOnce(t *testing.T) {
	s := emptyContainer(t)
	ctx := t.Context()
	upload := func() (id, part string) {
		id, err := s.Begin(ctx, "a", blob.Props{})
		if err != nil {
			t.Fatal(err)
		}
		if part, err = s.Part(ctx, "a", id, 1, strings.NewReader(id), int64(len(id))); err != nil {
			t.Fatal(err)
		}
		return id, part
	}
	one, onePart := upload()
	two, twoPart := upload()
	if _, err := s.Complete(ctx, "a", one, []string{onePart}, blob.Props{}, blob.Cond{Absent: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Complete(ctx, "a", two, []string{twoPart}, blob.Props{}, blob.Cond{}); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the other upload: %v", err)
	}
}

// emulator starts Azurite for the first test that needs it, as running; TestMain ends it.
var (
	running  *azuretest.Azurite
	emulator = sync.OnceValues(func() (*azuretest.Azurite, error) {
		a, err := azuretest.Start("../../../..")
		running = a
		return a, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.Stop()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// emptyContainer opens a container of its own for a test.
func emptyContainer(t *testing.T) *azblob.Store {
	t.Helper()
	a, err := emulator()
	if errors.Is(err, azuretest.ErrNotThere) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, _, err := a.Container(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := azblob.Open(azblob.Config{Container: name, Account: a.Account, Endpoint: a.Endpoint, AccountKey: a.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// service answers as Azure does; the errors of a HEAD have their code in a header.
func service(status int, code string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ms-Error-Code", code)
		w.WriteHeader(status)
	})
}

// nobody is an identity that this machine does not have.
type nobody struct{}

func (nobody) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("no managed identity here")
}

// What a user did wrong is told, and no secret with it.
func TestFailures(t *testing.T) {
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	none := func(c *azblob.Config) { c.AccountKey, c.Endpoint, c.Identity = "", "https://127.0.0.1:1", nobody{} }
	for name, c := range map[string]struct {
		h    http.Handler
		edit func(*azblob.Config)
		kind fault.Kind
		is   error
		hint string
	}{
		"wrong container":  {service(404, "ContainerNotFound"), nil, fault.Unavailable, blob.ErrNoBucket, "create the container"},
		"wrong key":        {service(403, "AuthenticationFailed"), nil, fault.Denied, nil, "azblob.accountKey"},
		"denied":           {service(403, "AuthorizationPermissionMismatch"), nil, fault.Denied, nil, "Storage Blob Data Contributor"},
		"denied a SAS":     {service(403, "AuthorizationFailure"), func(c *azblob.Config) { c.AccountKey, c.SAS = "", "?sig=hunter-two" }, fault.Denied, nil, "racwdl"},
		"busy":             {service(503, "ServerBusy"), nil, fault.Unavailable, nil, ""},
		"silent":           {hang, func(c *azblob.Config) { c.Patience = 20 * time.Millisecond }, fault.Unavailable, nil, "azblob.endpoint"},
		"nobody there":     {hang, func(c *azblob.Config) { c.Endpoint = "http://127.0.0.1:1/weir" }, fault.Unavailable, nil, "azblob.endpoint"},
		"no identity":      {hang, none, fault.Denied, nil, "AZURE_CLIENT_ID"},
		"a blob is leased": {service(412, "LeaseIdMissing"), nil, fault.Unavailable, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(c.h)
			defer srv.Close()
			cfg := azblob.Config{Container: "studio", Account: "weir", Endpoint: srv.URL, AccountKey: "aHVudGVyLXR3bw==", Attempts: 1}
			if c.edit != nil {
				c.edit(&cfg)
			}
			s, err := azblob.Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = openOrigin(t, s).Probe(t.Context())
			if fault.KindOf(err) != c.kind || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("%v: %v; hint %q", fault.KindOf(err), err, fault.HintOf(err))
			}
			if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "aHVudGVyLXR3bw") {
				t.Errorf("the secret is in %q", err)
			}
		})
	}
	for what, cfg := range map[string]azblob.Config{
		"no account":       {Container: "c"},
		"no container":     {Account: "weir"},
		"no TLS":           {Container: "c", Endpoint: "http://weir/", Identity: nobody{}},
		"no scheme":        {Container: "c", Endpoint: "weir.blob.core.windows.net"},
		"a key not base64": {Container: "c", Account: "weir", AccountKey: "hunter two"},
	} {
		if _, err := azblob.Open(cfg); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What the service answers when it is busy is tried again.
func TestBusyService(t *testing.T) {
	var calls atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			service(503, "ServerBusy").ServeHTTP(w, r)
			return
		}
		w.Header().Set("Etag", `"0x1"`)
		w.WriteHeader(http.StatusCreated)
	}))
	defer srv.Close()
	s, err := azblob.Open(azblob.Config{Container: "studio", Account: "weir", Endpoint: srv.URL, AccountKey: "aGk="})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if obj, err := s.Put(t.Context(), "a", strings.NewReader("x"), 1, blob.Props{}, blob.Cond{}); err != nil || obj.ETag != "0x1" || calls.Load() != 2 {
		t.Errorf("%+v after %d calls: %v", obj, calls.Load(), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Head(ctx, "a"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a call that was given up: %v", err)
	}
}
