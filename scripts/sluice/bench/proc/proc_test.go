package proc_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/bench/proc"
)

const rest = "S 12 43 43 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 9 0 1000 2000000 300 18446744073709551615 1 1"

func TestStatLinesAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want proc.Process
	}{
		"a plain name":                          {"43 (dynoxide) " + rest, proc.Process{PID: 43, Parent: 12, Name: "dynoxide", CPU: 3 * time.Second, RSS: 300 * 4096}},
		"a name with blanks and parentheses":    {"43 (a) S 1 (b) " + rest, proc.Process{PID: 43, Parent: 12, Name: "a) S 1 (b", CPU: 3 * time.Second, RSS: 300 * 4096}},
		"only its own time, not its children's": {"43 (x) " + rest + "\n", proc.Process{PID: 43, Parent: 12, Name: "x", CPU: 3 * time.Second, RSS: 300 * 4096}},
	} {
		got, err := proc.Parse(c.line, 4096)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestOtherLinesAreRefused(t *testing.T) {
	for name, line := range map[string]string{
		"empty": "", "no name": "43 " + rest, "cut off": "43 (x) S 12 43", "no pid": "x (x) " + rest, "parentheses in the wrong order": "43 )x( " + rest,
		"words for numbers": "43 (x) S 12 43 43 0 -1 4194304 100 0 0 0 many 50 7 8 20 0 9 0 1000 2000000 300",
	} {
		if p, err := proc.Parse(line, 4096); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestTheTreeBeginsWithTheProcessItself(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skipf("there is no /proc here: %v", err)
	}
	tree, err := proc.Tree(os.Getpid())
	if err != nil || len(tree) == 0 || tree[0].PID != os.Getpid() || tree[0].RSS <= 0 {
		t.Errorf("%+v, %v", tree, err)
	}
	if _, err := proc.Tree(1 << 30); err == nil {
		t.Error("a process that cannot be is found")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("43 (dynoxide) " + rest)
	f.Add("43 (a) S 1 (b) S 2")
	f.Fuzz(func(t *testing.T, line string) {
		if p, err := proc.Parse(line, 4096); err == nil && (p.Parent < 0) {
			t.Errorf("%q: %+v", line, p)
		}
	})
}
