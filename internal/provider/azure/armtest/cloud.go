// Package armtest is an emulator of the part of Azure's Resource Manager that makes machines: virtual machines and scale
// sets, over HTTP, with its wire's own ways: bearer tokens, api-version, If-None-Match, operations that are polled, pages,
// error objects, throttling. It serves tests; what the real service does is its documentation's to say ("Virtual Machines -
// Create Or Update", "Track asynchronous Azure operations").
package armtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Subscription and Group are the ones that exist.
const (
	Subscription = "5e9f2a10-0c1d-4b7a-9a55-0f6d1f6f7a01"
	Group        = "render"
)

// Cloud is an emulated region. Set its fields before its first call.
type Cloud struct {
	// Fail, if set, is asked before each call of the Resource Manager; an answer is the call's, and nothing happens.
	Fail func(r *http.Request) *Refusal
	// Lose, if set, is asked after each call has been carried out; if true, the caller's connection is cut instead of answered.
	Lose func(r *http.Request) bool
	// Refuse, if set, is asked when a machine that has been accepted is made: its answer is what making it fails with.
	Refuse func(name string) *Refusal
	// Started and Ended, if set, are told of machines that begin and end to run. They must not block.
	Started func(Machine)
	Ended   func(name string)
	Cores   int // quota; 0: none
	Polls   int // how often an operation is looked at before it is done
	// Takes is after how long an operation is done though nobody has looked; 0: not before somebody has, or Settle was called.
	Takes time.Duration

	URL string // of the Resource Manager

	mu         sync.Mutex                // guards what follows
	machines   map[string]*resource      // by name in small letters
	sets       map[string]map[string]any // by name in small letters
	operations map[string]*operation
	made       int // machines, ever
	calls      []string
}

// Machine is a virtual machine that runs.
type Machine struct {
	Name       string
	ID         string // vmId
	Spot       bool
	CustomData []byte
	Body       map[string]any // as it was asked for
}

// Refusal is an answer that is an error.
type Refusal struct {
	Status     int
	Code       string
	Message    string
	RetryAfter int // seconds; 0: not said
}

type resource struct {
	body   map[string]any
	id     string
	cores  int
	runs   bool
	state  string // provisioning: Creating, Succeeded, Failed, Deleting
	failed *Refusal
}

type operation struct {
	polls  int
	finish func() *Refusal // nil once it is done
	failed *Refusal
}

// New starts an emulator; it ends with the test.
func New(t *testing.T, set func(*Cloud)) *Cloud {
	t.Helper()
	c := &Cloud{machines: map[string]*resource{}, sets: map[string]map[string]any{}, operations: map[string]*operation{}}
	if set != nil {
		set(c)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

// token is the bearer token that the emulator's identity endpoint gives out, and the only one it takes.
const token = "emulated-token"

// IdentityHeader must be sent to the identity endpoint.
const IdentityHeader = "emulated-secret"

// Environment is what a process needs to sign in to the emulator as a managed identity.
func (c *Cloud) Environment() []string {
	return []string{"IDENTITY_ENDPOINT=" + c.URL + "/msi/token", "IDENTITY_HEADER=" + IdentityHeader}
}

// ServeHTTP serves one call.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/msi/token" {
		identity(w, r)
		return
	}
	c.mu.Lock()
	c.calls = append(c.calls, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+token {
		refuse(w, Refusal{Status: http.StatusUnauthorized, Code: "AuthenticationFailed", Message: "the token is missing or invalid"})
		return
	}
	if r.URL.Query().Get("api-version") == "" && !strings.HasPrefix(r.URL.Path, "/operations/") {
		refuse(w, Refusal{Status: http.StatusBadRequest, Code: "MissingApiVersionParameter", Message: "the api-version query parameter (?api-version=) is required for all requests"})
		return
	}
	if c.Fail != nil {
		if f := c.Fail(r); f != nil {
			refuse(w, *f)
			return
		}
	}
	answer := httptest.NewRecorder()
	c.route(answer, r)
	if c.Lose != nil && c.Lose(r) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func identity(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Identity-Header") != IdentityHeader {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	write(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "resource": r.URL.Query().Get("resource"),
		"expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()),
	})
}

func (c *Cloud) route(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(part) == 2 && part[0] == "operations":
		c.poll(w, part[1])
		return
	case len(part) < 7 || part[0] != "subscriptions" || part[2] != "resourceGroups" || part[4] != "providers" || part[5] != "Microsoft.Compute":
		refuse(w, Refusal{Status: http.StatusNotFound, Code: "InvalidResourceType", Message: "nothing is emulated at " + r.URL.Path})
		return
	case part[1] != Subscription:
		refuse(w, Refusal{Status: http.StatusNotFound, Code: "SubscriptionNotFound", Message: "the subscription '" + part[1] + "' could not be found"})
		return
	case !strings.EqualFold(part[3], Group):
		refuse(w, Refusal{Status: http.StatusNotFound, Code: "ResourceGroupNotFound", Message: "resource group '" + part[3] + "' could not be found"})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch kind, rest := part[6], part[7:]; {
	case kind == "virtualMachines" && len(rest) == 0 && r.Method == http.MethodGet:
		c.list(w, r)
	case kind == "virtualMachines" && len(rest) == 1:
		c.machine(w, r, rest[0])
	case kind == "virtualMachineScaleSets" && len(rest) == 1:
		c.scaleSet(w, r, rest[0])
	default:
		refuse(w, Refusal{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: r.Method + " " + r.URL.Path + " is not emulated"})
	}
}

// begin starts an operation and points to it. c.mu is held.
func (c *Cloud) begin(w http.ResponseWriter, finish func() *Refusal) {
	id := uuid.NewString()
	op := &operation{polls: c.Polls, finish: finish}
	c.operations[id] = op
	if c.Takes > 0 {
		time.AfterFunc(c.Takes, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			op.polls = 0
			c.advance(op)
		})
	}
	w.Header().Set("Azure-AsyncOperation", c.URL+"/operations/"+id+"?api-version=2025-04-01")
	w.Header().Set("Retry-After-Ms", "5")
}

// poll looks at an operation, which is done after some looks.
func (c *Cloud) poll(w http.ResponseWriter, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	op := c.operations[id]
	if op == nil {
		refuse(w, Refusal{Status: http.StatusNotFound, Code: "NotFound", Message: "there is no such operation"})
		return
	}
	c.advance(op)
	w.Header().Set("Retry-After-Ms", "5")
	switch {
	case op.finish != nil:
		write(w, http.StatusOK, map[string]any{"status": "InProgress"})
	case op.failed != nil:
		write(w, http.StatusOK, map[string]any{"status": "Failed", "error": map[string]any{"code": op.failed.Code, "message": op.failed.Message}})
	default:
		write(w, http.StatusOK, map[string]any{"status": "Succeeded"})
	}
}

// advance lets an operation come a step further.
func (c *Cloud) advance(op *operation) {
	if op.finish == nil {
		return
	}
	if op.polls--; op.polls < 0 {
		op.failed = op.finish()
		op.finish = nil
	}
}

// Settle finishes every operation, as time does.
func (c *Cloud) Settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range c.operations {
		op.polls = 0
		c.advance(op)
	}
}

// Runs reports whether a machine exists that runs or is about to.
func (c *Cloud) Runs(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.machines[strings.ToLower(name)]
	return m != nil && m.state != "Failed"
}

// Names returns the names of all machines there are.
func (c *Cloud) Names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, m := range c.machines {
		names = append(names, m.body["name"].(string))
	}
	slices.Sort(names)
	return names
}

// Made returns how many machines were ever made.
func (c *Cloud) Made() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made
}

// Body returns a machine as it was asked for; nil: there is none.
func (c *Cloud) Body(name string) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.machines[strings.ToLower(name)]; m != nil {
		return m.body
	}
	return nil
}

// Evict takes a spot machine away.
func (c *Cloud) Evict(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(strings.ToLower(name))
}

// Calls returns the calls so far: "PUT /subscriptions/…".
func (c *Cloud) Calls() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

func (c *Cloud) remove(key string) {
	m := c.machines[key]
	if m == nil {
		return
	}
	delete(c.machines, key)
	if m.runs && c.Ended != nil {
		c.Ended(m.body["name"].(string))
	}
}

func refuse(w http.ResponseWriter, f Refusal) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
	}
	write(w, f.Status, map[string]any{"error": map[string]any{"code": f.Code, "message": f.Message}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// at returns what stands under a path of keys; nil: nothing.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(v any, keys ...string) string {
	s, _ := at(v, keys...).(string)
	return s
}

func decode64(s string) []byte {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return raw
}
