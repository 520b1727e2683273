package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	aws "github.com/aws/aws-lambda-go/lambda"

	"sluice/scripts/sluice/local"
	"sluice/scripts/sluice/process"
)

// TestMain makes this very program whatever the tests run: `sluice local`, and each function behind it.
func TestMain(m *testing.M) {
	name := os.Getenv("AWS_LAMBDA_FUNCTION_NAME")
	switch {
	case strings.HasSuffix(name, "-authorizer"):
		aws.Start(authorize)
	case strings.HasSuffix(name, "-rollup"):
		aws.Start(func(context.Context, json.RawMessage) error { mark("rolled-up"); return nil })
	case name != "":
		aws.Start(serve)
	case os.Getenv("TEST_SLUICE") != "":
		os.Exit(sluice())
	default:
		os.Exit(m.Run())
	}
}

func mark(name string) {
	if err := os.WriteFile(filepath.Join(os.Getenv("TEST_DIR"), name), nil, 0o600); err != nil {
		panic(err)
	}
}

func authorize(_ context.Context, e events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
	return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: e.Headers["x-api-key"] != "flood",
		Context: map[string]any{"decision": "for " + e.RequestContext.RequestID}}, nil
}

// serve is a function behind an HTTP API that does as its path says.
func serve(ctx context.Context, e events.APIGatewayV2HTTPRequest) (any, error) {
	switch _, what, _ := strings.Cut(strings.TrimPrefix(e.RawPath, "/"), "/"); what {
	case "exit":
		os.Exit(7)
	case "hang":
		mark("hanging")
		<-context.Background().Done()
	case "fail":
		return nil, errors.New("secret inside")
	case "late":
		<-ctx.Done()
		return nil, ctx.Err()
	case "bare":
		return map[string]string{"bare": "answer"}, nil
	case "large":
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: strings.Repeat("x", 7<<20)}, nil
	}
	b, err := json.Marshal(map[string]any{"pid": os.Getpid(), "event": e, "env": os.Environ(), "function": os.Getenv("AWS_LAMBDA_FUNCTION_NAME")})
	return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: string(b), Headers: map[string]string{"content-type": "application/json"}}, err
}

// sluice is `sluice local` itself, in a process that the tests can kill.
func sluice() int {
	if err := process.EndWithParent(); err != nil {
		panic(err)
	}
	c := local.Command(os.LookupEnv)
	c.SetArgs(strings.Split(os.Getenv("TEST_SLUICE"), "\n"))
	if err := c.ExecuteContext(context.Background()); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

const bundle = `
Globals: {Function: {Handler: bootstrap, Timeout: 10, Environment: {Variables: {TABLE_NAME: !GetAtt Data.Outputs.TableName}}}}
Resources:
  GatewayApi: {Type: AWS::Serverless::HttpApi, Properties: {Auth: {DefaultAuthorizer: A, Authorizers: {A: {FunctionArn: !Ref AuthorizerFunction.Alias}}}}}
  ManagementApi: {Type: AWS::Serverless::HttpApi, Properties: {}}
  AuthorizerFunction: {Type: AWS::Serverless::Function, Properties: {}}
  ProxyFunction:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 2
      Events:
        Call: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi}}
        Health: {Type: HttpApi, Properties: {ApiId: !Ref GatewayApi, Path: /healthz, Method: GET, Auth: {Authorizer: NONE}}}
  CatalogFunction:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {SLUICE_GATEWAY_URL: !GetAtt GatewayApi.ApiEndpoint}}
      Events:
        Call: {Type: HttpApi, Properties: {ApiId: !Ref ManagementApi}}
  RollupFunction:
    Type: AWS::Serverless::Function
    Properties: {Events: {Tick: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 minute)}}}}
`

// repository makes a folder that looks like the repository, with the test's own bundle.
func repository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Abs("../../tools")
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.WriteFile(filepath.Join(root, "template.yaml"), []byte(bundle), 0o600))
	check(os.Mkdir(filepath.Join(root, "scripts"), 0o700))
	check(os.Symlink(tools, filepath.Join(root, "scripts", "tools")))
	for _, f := range []string{"authorizer", "proxy", "catalog", "rollup"} {
		check(os.MkdirAll(filepath.Join(root, "bin", "functions", f), 0o700))
		check(os.Symlink(self, filepath.Join(root, "bin", "functions", f, "bootstrap")))
	}
	return root
}

// run is a `sluice local` that runs.
type run struct {
	t                   *testing.T
	root                string
	cmd                 *exec.Cmd
	lines               *bufio.Scanner
	curls               []string // the lines to try
	gateway, management string
}

func start(t *testing.T, root string, flags ...string) *run {
	t.Helper()
	r := &run{t: t, root: root}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--root", root, "--data-dir", filepath.Join(root, "data"), "--gateway-addr", "127.0.0.1:0",
		"--management-addr", "127.0.0.1:0", "--env", "TEST_DIR=" + root, "--schedule-every", "50ms"}, flags...)
	r.cmd = exec.Command(self) // #nosec G204 -- ourselves
	r.cmd.Env = append(os.Environ(), "TEST_SLUICE="+strings.Join(args, "\n"))
	if os.Getenv("TEST_DEMO") == "" {
		r.cmd.Env = append(r.cmd.Env, "SLUICE_DEMO=off")
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = os.Stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.lines = bufio.NewScanner(out)
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); _ = r.cmd.Wait() })
	for r.lines.Scan() {
		switch line := r.lines.Text(); {
		case line == "ready":
			return r
		case strings.HasPrefix(line, "gateway "):
			r.gateway, _, _ = strings.Cut(strings.Fields(line)[1], "/{")
		case strings.HasPrefix(line, "management "):
			r.management, _, _ = strings.Cut(strings.Fields(line)[1], "/admin")
		case strings.HasPrefix(line, "curl "):
			r.curls = append(r.curls, line)
		case strings.HasPrefix(line, "failed:"):
			t.Fatal(line)
		}
	}
	t.Fatal("it ended before it was ready")
	return nil
}

type answer struct {
	PID      int
	Function string
	Env      []string
	Event    events.APIGatewayV2HTTPRequest
}

func (r *run) get(url string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if closing := res.Body.Close(); err != nil || closing != nil {
		r.t.Fatal(err, closing)
	}
	return res, string(body)
}

func (r *run) ask(url string) answer {
	r.t.Helper()
	res, body := r.get(url)
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil || res.StatusCode != 200 {
		r.t.Fatalf("%s: %s %s", url, res.Status, body)
	}
	return a
}

// children lists the processes that were started from the run's folder, but not the run itself.
func (r *run) children() (pids []int) {
	r.t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path) // #nosec G304 -- /proc
		if err == nil && strings.Contains(string(line), r.root) {
			var pid int
			if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came about: %s", what)
		}
	}
}

func TestACallPassesTheAuthorizerAndReachesTheFunctionThatTheTemplateNames(t *testing.T) {
	r := start(t, repository(t))
	a := r.ask(r.gateway + "/orders/v1/x?y=1")
	e := a.Event
	if a.Function != "sluice-proxy" || e.RequestContext.Authorizer.Lambda["decision"] != "for "+e.RequestContext.RequestID || e.RawPath != "/orders/v1/x" {
		t.Errorf("%+v", a)
	}
	env := strings.Join(a.Env, "\n")
	for _, want := range []string{"TABLE_NAME=sluice", "SLUICE_UPSTREAM_NETWORKS=loopback", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:", "AWS_ACCESS_KEY_ID=local"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is not in the environment", want)
		}
	}
	if a := r.ask(r.management + "/any"); a.Function != "sluice-catalog" || !strings.Contains(strings.Join(a.Env, "\n"), "SLUICE_GATEWAY_URL="+r.gateway) {
		t.Errorf("%+v", a)
	}
	if res, body := r.get(r.gateway+"/x", "x-api-key", "flood"); res.StatusCode != 403 || body != `{"message":"Forbidden"}` {
		t.Errorf("a denial is %s %s", res.Status, body)
	}
	eventually(t, "the schedule calls the rollup", func() bool {
		_, err := os.Stat(filepath.Join(r.root, "rolled-up"))
		return err == nil
	})
	if _, body := r.get(r.gateway + "/a/bare"); body != `{"bare":"answer"}` {
		t.Errorf("an answer without a status arrives as %s", body)
	}
}

func TestAFailingFunctionIsAProblemAndTheNextCallWorks(t *testing.T) {
	r := start(t, repository(t))
	for path, want := range map[string]int{"/a/exit": 500, "/a/fail": 500, "/a/late": 503, "/a/large": 500} {
		res, body := r.get(r.gateway + path)
		if res.StatusCode != want && path != "/a/late" || res.StatusCode < 500 || res.Header.Get("Content-Type") != "application/problem+json" ||
			res.Header.Get("X-Request-Id") == "" || strings.Contains(body, "secret") {
			t.Errorf("%s: %s %v %s, want %d", path, res.Status, res.Header, body, want)
		}
		t.Log("the call after", path)
		r.ask(r.gateway + "/a")
	}
}

func TestAKilledFunctionProcessCostsAtMostItsCallInFlight(t *testing.T) {
	r := start(t, repository(t), "--instances", "2", "--freeze")
	for range 5 {
		a := r.ask(r.gateway + "/a")
		if err := syscall.Kill(a.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the process has ended", func() bool { return !slices.Contains(r.children(), a.PID) })
		r.ask(r.gateway + "/a")
	}
}

func TestEndingLeavesNoProcessBehind(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"^C": syscall.SIGINT, "a terminal that closes": syscall.SIGHUP, "kill": syscall.SIGTERM, "kill -9": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			r := start(t, repository(t), "--instances", "2", "--freeze")
			go func() { // a call is in flight
				req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, r.gateway+"/a/hang", nil)
				if err == nil {
					if res, err := http.DefaultClient.Do(req); err == nil {
						_ = res.Body.Close()
					}
				}
			}()
			eventually(t, "the call is in flight", func() bool { _, err := os.Stat(filepath.Join(r.root, "hanging")); return err == nil })
			if n := len(r.children()); n < 9 {
				t.Errorf("%d children run, want two of each function and the engine", n)
			}
			if err := r.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			err := r.cmd.Wait()
			if signal != syscall.SIGKILL && err != nil {
				t.Errorf("it ends with %v", err)
			}
			if signal == syscall.SIGKILL {
				eventually(t, "the kernel ends the children", func() bool { return len(r.children()) == 0 })
			} else if left := r.children(); len(left) != 0 {
				t.Errorf("processes %v are left", left)
			}
		})
	}
}

func TestARestartAfterKillServesAtOnceWithTheSameKeyAndData(t *testing.T) {
	root := repository(t)
	r := start(t, root)
	key, err := os.ReadFile(filepath.Join(root, "data", "admin-key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	r = start(t, root)
	r.ask(r.gateway + "/a")
	again, err := os.ReadFile(filepath.Join(root, "data", "admin-key"))
	if err != nil || string(again) != string(key) {
		t.Errorf("the key has changed, %v", err)
	}
	info, err := os.Stat(filepath.Join(root, "data", "admin-key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file has mode %v, %v", info.Mode(), err)
	}
}
