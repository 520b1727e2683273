// Package fleet_test shows promises on the real function binaries: processes that take turns and are frozen between their
// calls, behind the HTTP APIs of the local cloud, on each store engine. Nothing but HTTP and signals reaches them.
//
// A test is a function of a fleet, run on each engine by onEachEngine. A fleet is a cloud of its own:
//
//	onEachEngine(t, func(t *testing.T, f *fleet) {
//		f.publish("orders", object{"timeout_ms": 2000})           // orders/v1 behind f.upstream; what its upstream sets
//		key := f.subscribe("orders", "shop", object{"quota": …})  // plan, consumer, app, subscription: all named shop
//		f.call("GET", "/orders/v1/things/1", key)                 // an answer; status 0: none, and err says why
//		f.send("PUT", "/orders/v1/things/1", key, `{}`, "Idempotency-Key", "a") // with a body and headers
//		f.rush(64, 1000, func(n int) { … })                       // 64 clients make 1,000 calls, as fast as they can
//		tally := f.tally(); tally.add(f.call(…)); tally.only(200) // counts answers by status; fails on any other
//		f.upstream.of("shop")                                     // what the upstream saw of an app, in order
//		f.upstream.behave(handler)                                // how it answers from now on; every call is counted first
//		f.admin(http.MethodPatch, "/plans/shop", object{…}, &out) // the Management API: fails the test if it refuses
//		f.kill(f.instances("proxy")[0])                           // by process id; returns when it is gone
//		f.until("what is awaited", func() bool { … })             // looks again and again; fails after patience
//	}, "--max-instances", "16")                                       // more flags of `sluice local`
//
// It runs where SLUICE_FLEET names the folder of the built programs (bin/), as `make fleet` arranges.
package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/scripts/sluice/bench/proc"
	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/launch"
	"sluice/test/engine"
)

// patience is how long a condition may take on a busy machine.
const patience = 30 * time.Second

// each is how many instances every function has at the least.
const each = 4

type object = map[string]any

const contract = `{"openapi":"3.1.0","info":{"title":"Things","version":"1"},"paths":{
"/things":{"post":{"operationId":"makeThing","responses":{"201":{"description":"Made."}}}},
"/things/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
  "get":{"operationId":"getThing","responses":{"200":{"description":"A thing."}}},
  "put":{"operationId":"putThing","responses":{"200":{"description":"Put."}}}}}}`

// fleet is a local cloud that runs.
type fleet struct {
	t        *testing.T
	parts    *launch.Parts
	cloud    launch.Cloud
	endpoint string // of the store engine; "" for the cloud's own
	client   *http.Client
	upstream *upstream
}

// onEachEngine runs a test on the cloud's own engine and on DynamoDB Local, each time on a cloud with an empty table.
func onEachEngine(t *testing.T, test func(*testing.T, *fleet), flags ...string) {
	t.Helper()
	programs := os.Getenv("SLUICE_FLEET")
	if programs == "" {
		t.Skip("SLUICE_FLEET names no folder of built programs: run `make fleet`")
	}
	programs, err := filepath.Abs(programs)
	must(t, err)
	for _, e := range []struct {
		name  string
		start func(*testing.T) (endpoint string)
	}{
		{"dynoxide", func(*testing.T) string { return "" }},
		{"DynamoDB Local", func(t *testing.T) string { return engine.Local(t).Endpoint }},
	} {
		t.Run(e.name, func(t *testing.T) {
			test(t, start(t, programs, e.start(t), flags...))
		})
	}
}

// start starts a cloud on an engine, "" for its own.
func start(t *testing.T, programs, endpoint string, flags ...string) *fleet {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	must(t, err)
	parts, err := launch.Open(filepath.Join(programs, "sluice"), root, "fleet")
	must(t, err)
	t.Cleanup(parts.Close)
	args := append([]string{"--functions-dir", filepath.Join(programs, "functions"), "--instances", fmt.Sprint(each), "--freeze"}, flags...)
	if endpoint != "" {
		args = append(args, "--dynamodb-endpoint", endpoint)
	}
	cloud, err := parts.Cloud(t.Context(), "data", args...)
	must(t, err)
	transport := &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	f := &fleet{t: t, parts: parts, cloud: cloud, endpoint: endpoint, upstream: newUpstream(t),
		client: &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	f.admin(http.MethodPost, "/teams", object{"id": "team", "name": "Team", "contacts": []object{{"kind": "email", "value": "team@example.com"}}}, nil)
	return f
}

// admin makes a management call as the platform's admin; out may be nil. A refusal fails the test. While the store is slow,
// the call is made again; what had been made all the same is then found in the way.
func (f *fleet) admin(method, path string, in, out any) {
	f.t.Helper()
	admin, again := client.New(f.cloud.Management(), f.cloud.Key), false
	f.until(method+" "+path, func() bool {
		_, err := admin.Call(f.t.Context(), method, path, "", in, out)
		if client.Is(err, http.StatusServiceUnavailable) {
			again = true
			return false
		}
		if err != nil && !(again && out == nil && client.Is(err, http.StatusConflict)) {
			f.t.Fatal(err)
		}
		return true
	})
}

// publish makes and publishes {api}/v1 with the operations GET and PUT /things/{id} and POST /things, behind the fleet's
// upstream. settings are more fields of the version's upstream.
func (f *fleet) publish(api string, settings object) {
	f.t.Helper()
	to := object{"url": f.upstream.server.URL, "timeout_ms": 5000}
	for k, v := range settings {
		to[k] = v
	}
	f.admin(http.MethodPost, "/apis", object{"id": api, "name": api, "team": "team", "kind": "rest", "audience": "partner", "sensitivity": "internal"}, nil)
	f.admin(http.MethodPost, "/apis/"+api+"/versions", object{"version": "v1", "upstream": to}, nil)
	f.admin(http.MethodPut, "/apis/"+api+"/versions/v1/contract", client.Content{Type: "application/json", Bytes: []byte(contract)}, nil)
	f.admin(http.MethodPost, "/apis/"+api+"/versions/v1/transitions", object{"to": "published"}, nil)
}

// subscribe makes a plan with these limits, a consumer and an app, all of this name, and gives a key of the app that works.
func (f *fleet) subscribe(api, name string, limits object) (key string) {
	f.t.Helper()
	plan := object{"id": name, "name": name, "approval": "automatic"}
	for k, v := range limits {
		plan[k] = v
	}
	f.admin(http.MethodPost, "/plans", plan, nil)
	f.admin(http.MethodPost, "/consumers", object{"id": name, "name": name, "kind": "partner"}, nil)
	f.admin(http.MethodPost, "/apps", object{"id": name, "name": name, "consumer": name}, nil)
	f.admin(http.MethodPost, "/subscriptions", object{"app": name, "api": api, "plan": name}, nil)
	var made struct{ Key string }
	f.admin(http.MethodPost, "/apps/"+name+"/keys", object{}, &made)
	return made.Key
}

// answer is what a client gets.
type answer struct {
	status int // 0: no answer
	header http.Header
	body   []byte
	err    error
}

// code is the code of a problem; "" if it is none.
func (a answer) code() string {
	_, rest, _ := bytes.Cut(a.body, []byte(`"code":"`))
	code, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(code)
}

// call makes a call through the gateway. headers are names and values in turn.
func (f *fleet) call(method, target, key string, headers ...string) answer {
	return f.send(method, target, key, "", headers...)
}

// send is call with a JSON body.
func (f *fleet) send(method, target, key, body string, headers ...string) answer {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.cloud.Gateway()+target, content)
	if err != nil {
		return answer{err: err}
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("X-Api-Key", key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.Header.Set(sentHeader, time.Now().Format(time.RFC3339Nano))
	res, err := f.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	got, err := io.ReadAll(res.Body)
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return answer{err: err}
	}
	return answer{status: res.StatusCode, header: res.Header, body: got}
}

// rush makes calls from many clients at once, each one call after the other.
func (f *fleet) rush(clients, calls int, call func(n int)) {
	var taken atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for n := int(taken.Add(1)) - 1; n < calls; n = int(taken.Add(1)) - 1 {
				call(n)
			}
		})
	}
	all.Wait()
}

// until looks again and again until the condition holds.
func (f *fleet) until(what string, holds func() bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// instances lists the processes of a function, the oldest first.
func (f *fleet) instances(function string) (pids []int) {
	f.t.Helper()
	tree, err := proc.Tree(f.cloud.PID)
	must(f.t, err)
	for _, p := range tree {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
		if err != nil {
			continue // it has just ended
		}
		program, _, _ := bytes.Cut(line, []byte{0})
		if p.Name == "bootstrap" && filepath.Base(filepath.Dir(string(program))) == function {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// kill ends processes of the fleet at once, whatever they do or hold, and returns when they are gone.
func (f *fleet) kill(pids ...int) {
	f.t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			f.t.Errorf("kill %d: %v", pid, err)
		}
	}
	f.until("killed processes are gone", func() bool {
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	})
}

// quota is what the platform says of an app's quota: units used, and those of them not known to be spent.
func (f *fleet) quota(api, app string) (used, leased int) {
	f.t.Helper()
	var page struct {
		Items []struct {
			Kind         string
			Used, Leased int
		}
	}
	f.admin(http.MethodGet, "/limits?api="+api+"&app="+app, nil, &page)
	for _, l := range page.Items {
		if l.Kind == "quota" {
			return l.Used, l.Leased
		}
	}
	f.t.Fatalf("no quota among the limits of %s: %+v", app, page)
	return 0, 0
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
