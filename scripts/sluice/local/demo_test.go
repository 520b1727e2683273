package local_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// platform starts the real platform with its demo, in one process, on a data folder of the test's own.
func platform(t *testing.T, data string) *run {
	t.Helper()
	t.Setenv("TEST_DEMO", "on")
	return start(t, "../../..", "--data-dir", data, "--in-process")
}

// paste runs a printed line as someone would who pastes it into a shell.
func paste(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "bash", "-c", line).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

func TestThePrintedLinesDoWhatTheySay(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on this machine, and the lines are for it")
	}
	r := platform(t, filepath.Join(t.TempDir(), "a folder's data")) // a path that a shell would split
	wants := []string{`"total":42`, `"id":"O-10012"`, `"status":"placed"`, "429 retry-after: [1-9]", `"code":"scope_missing"`, `"code":"credential_missing"`,
		"(?s)^(200 retry-after: \n){5}.*429 retry-after: [1-9]", `"group":"acme-erp"`, `"name":"free-quota"`,
		`(?s)"on_store_outage":"(closed|open|lease)".*"on_store_outage":"(closed|open|lease)".*"on_store_outage":"(closed|open|lease)"`, `"action":"key.issue"`}
	if len(r.curls) != len(wants) {
		t.Fatalf("%d lines, want %d", len(r.curls), len(wants))
	}
	for i, line := range r.curls {
		if out := paste(t, line); !regexp.MustCompile(wants[i]).MatchString(out) {
			t.Errorf("%s\ngives %s\nwant %s", line, out, wants[i])
		}
	}
	if lines := strings.Count(paste(t, r.curls[3]), "429"); lines < 7 {
		t.Errorf("12 calls on a plan of 5 in 10 s give %d refusals", lines)
	}
}

func TestARestartKeepsTheDemoAndFindsItsBackendAgain(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := platform(t, data)
	key := first.demoKey("storefront", data)
	if res, body := first.get(first.gateway+"/orders/v1/products", "x-api-key", key); res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, body)
	}
	if err := first.cmd.Process.Kill(); err != nil { // not even asked to end
		t.Fatal(err)
	}
	_ = first.cmd.Wait()
	again := platform(t, data)
	if again.demoKey("storefront", data) != key {
		t.Error("the demo's key has changed")
	}
	if res, body := again.get(again.gateway+"/orders/v1/products", "x-api-key", key); res.StatusCode != http.StatusOK {
		t.Errorf("after the restart: %s %s", res.Status, body)
	}
	if strings.Join(again.curls, "\n") == "" {
		t.Error("nothing to try is printed")
	}
}

func TestADemoKeyThatIsLostIsReplaced(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := platform(t, data)
	lost := first.demoKey("storefront", data)
	if err := first.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := first.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(data, "demo.json"), []byte("garbled"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := platform(t, data)
	key := again.demoKey("storefront", data)
	if key == lost || key == "" {
		t.Errorf("the key is %q", key)
	}
	if res, body := again.get(again.gateway+"/orders/v1/products", "x-api-key", key); res.StatusCode != http.StatusOK {
		t.Errorf("%s %s", res.Status, body)
	}
}

// demoKey reads a key that the demo keeps, and checks who can.
func (r *run) demoKey(app, data string) string {
	r.t.Helper()
	file := filepath.Join(data, "demo.json")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		r.t.Errorf("%s: %v, %v", file, info, err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	var keys map[string]struct{ Key string }
	if err := json.Unmarshal(b, &keys); err != nil {
		r.t.Fatal(fmt.Errorf("%s: %w", b, err))
	}
	return keys[app].Key
}
