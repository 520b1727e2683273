package cold_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/scripts/sluice/bench/cold"
	"sluice/scripts/sluice/engine"
)

const root = "../../../.."

// TestMain makes this very program each function that is started, except hello.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" {
		lambda.Start(func(_ context.Context, event json.RawMessage) (string, error) {
			if os.Getenv("TABLE_NAME") == "" || os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") == "" || len(event) < 2 {
				return "", errors.New("no store, or no event")
			}
			return "answer", nil
		})
	}
	os.Exit(m.Run())
}

func TestEachFunctionIsStartedFromNothingAndComparedWithHello(t *testing.T) {
	if _, err := engine.Find(root); err != nil {
		t.Skipf("nothing to start functions on: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, f := range []string{"authorizer", "catalog", "keys", "portal", "proxy", "rollup"} {
		if err := errors.Join(os.Mkdir(filepath.Join(folder, f), 0o700), os.Symlink(self, filepath.Join(folder, f, "bootstrap"))); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	r, err := cold.Run(t.Context(), cold.Options{Root: root, FunctionsDir: folder, Rounds: 1, Output: "text"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Functions) != 7 || r.Functions[0].Name != cold.Hello || r.Functions[0].Init != 1 {
		t.Fatalf("%+v", r.Functions)
	}
	for _, f := range r.Functions {
		if s := f.Median; s.InitMs <= 0 || s.AnswerMs <= s.InitMs || s.RSS <= 0 || f.ToAnswer <= 0 {
			t.Errorf("%s: %+v", f.Name, s)
		}
	}
	var text, machine bytes.Buffer
	if err := r.Print(&text, "text"); err != nil || !strings.Contains(text.String(), "authorizer") || !strings.Contains(text.String(), "repeat: bin/sluice bench cold --rounds 1") {
		t.Errorf("%v\n%s", err, text.String())
	}
	var again cold.Report
	if err := r.Print(&machine, "json"); err != nil || json.Unmarshal(machine.Bytes(), &again) != nil || len(again.Functions) != 7 {
		t.Errorf("%v\n%s", err, machine.String())
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhatCannotBeMeasuredSaysWhy(t *testing.T) {
	for want, args := range map[string][]string{"--rounds": {"--rounds", "0"}, "--output": {"--output", "xml"}, "--root": {"--root", "/nonexistent"}} {
		c := cold.Command()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
