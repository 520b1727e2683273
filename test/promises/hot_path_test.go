package promises_test

import (
	"os/exec"
	"strings"
	"testing"

	"sluice/test/platform"
)

// TestPromise8NothingParsesAContractOnTheHotPath: what could parse one is not even linked into the functions that a call
// passes through, nor anything that reads YAML or checks schemas.
func TestPromise8NothingParsesAContractOnTheHotPath(t *testing.T) {
	for _, function := range []string{"authorizer", "proxy"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-tags", "lambda.norpc", "-deps", "sluice/functions/"+function).Output() // #nosec G204 -- fixed names
		if err != nil {
			t.Fatal(err)
		}
		linked := strings.Split(string(out), "\n")
		if len(linked) < 100 {
			t.Fatalf("%s links %d packages: the list is not what it should be", function, len(linked))
		}
		for _, p := range linked {
			for _, parser := range []string{"sluice/shared/contract/openapi", "github.com/getkin/", "github.com/pb33f/", "santhosh-tekuri/jsonschema", "github.com/oasdiff/"} {
				if strings.HasPrefix(p, parser) || strings.Contains(p, parser) {
					t.Errorf("%s links %s", function, p)
				}
			}
		}
	}
}

// TestPromise8CallsAreServedWithoutTheSource: an instance that starts after the publish serves calls from the compiled form
// alone. A new revision is served as soon as the second has passed, and the old one's operations are gone.
func TestPromise8CallsAreServedWithoutTheSource(t *testing.T) {
	w := newWorld(t, 1)
	_, key := w.key("shop")
	w.settle()
	if out := w.call(0, "GET", "/orders/v1/orders", key); out.Status != 200 {
		t.Fatalf("%d %s", out.Status, out.Body)
	}
	for _, asked := range w.Network.Asked() {
		if strings.Contains(asked, "source") {
			t.Errorf("a call made the gateway read %s", asked)
		}
	}
	w.Admin(200, "PUT", "/apis/orders/versions/v1/contract", strings.ReplaceAll(platform.Orders, "/orders", "/purchases"))
	w.settle()
	if out := w.call(0, "GET", "/orders/v1/purchases/7", key); out.Status != 200 || w.last().URL.Path != "/purchases/7" {
		t.Errorf("%d %s", out.Status, out.Body)
	}
	wantProblem(t, w.call(0, "GET", "/orders/v1/orders", key), 404, "no_such_operation")
}
