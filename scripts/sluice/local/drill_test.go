package local_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"sluice/scripts/sluice/fault"
)

// tell gives the running cloud faults, or clears them.
func (r *run) tell(data string, texts ...string) {
	r.t.Helper()
	faults, err := fault.ParseAll(texts)
	if err == nil && len(faults) == 0 {
		_, err = fault.Clear(r.t.Context(), data)
	} else if err == nil {
		_, err = fault.Tell(r.t.Context(), data, faults...)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestADrillTakesTheStoreAndTheUpstreamAwayAndTheSameProcessHeals(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	t.Setenv("TEST_DEMO", "on")
	r := start(t, "../../..", "--data-dir", data, "--in-process", "--drill")
	key := r.demoKey("storefront", data) // under a plan with limits, for which the store is needed
	call := func() (int, string) {
		res, body := r.get(r.gateway+"/orders/v1/products", "x-api-key", key)
		if res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
			t.Errorf("503 without Retry-After: %s", body)
		}
		return res.StatusCode, body
	}
	becomes := func(what string, want ...int) {
		t.Helper()
		body := ""
		eventually(t, what, func() bool {
			var status int
			status, body = call()
			for _, w := range want {
				if status == w {
					return true
				}
			}
			return false
		})
		if want[0] != http.StatusOK && !strings.Contains(body, `"code":"upstream_`) {
			t.Errorf("%s: %s", what, body)
		}
	}
	becomes("without a fault calls pass", http.StatusOK)
	r.tell(data, "store=down:24h")
	becomes("without a store a limited call is refused", http.StatusServiceUnavailable)
	r.tell(data)
	becomes("once the store is back calls pass", http.StatusOK)
	r.tell(data, "upstream=down:24h")
	becomes("without an upstream calls fail", http.StatusBadGateway, http.StatusServiceUnavailable)
	r.tell(data)
	becomes("once the upstream is back calls pass", http.StatusOK)
}

func TestFaultsOfTheCommandLineBeginWhenTheCloudIsReadyAndReachFunctionsThatAreProcesses(t *testing.T) {
	r := start(t, repository(t), "--fault", "store=errors:100%", "--fault", "store=down:24h@1h")
	endpoint := ""
	for _, v := range r.ask(r.gateway + "/a").Env {
		if name, value, _ := strings.Cut(v, "="); name == "AWS_ENDPOINT_URL_DYNAMODB" {
			endpoint = value
		}
	}
	if res, body := r.get(endpoint); res.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "InternalServerError") {
		t.Errorf("the functions' store says %s %s", res.Status, body)
	}
	r.tell(filepath.Join(r.root, "data"))
	if res, body := r.get(endpoint); res.StatusCode != http.StatusOK {
		t.Errorf("cleared, the functions' store says %s %s", res.Status, body)
	}
}
