package machine_test

import (
	"strings"
	"testing"

	"sluice/scripts/sluice/bench/machine"
)

func TestTheFactsNameCoresAndGo(t *testing.T) {
	f := machine.Look()
	if f.Cores < 1 || !strings.HasPrefix(f.Go, "go") && !strings.HasPrefix(f.Go, "devel") || !strings.Contains(f.String(), f.Go) {
		t.Errorf("%+v", f)
	}
}
