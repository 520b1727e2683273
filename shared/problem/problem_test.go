package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/shared/problem"
)

func TestAnErrorThatIsNotAProblemNeverReachesACaller(t *testing.T) {
	for name, err := range map[string]error{
		"a plain error":           errors.New("dial tcp 10.0.0.7:5432: secret-host refused"),
		"no error at all":         nil,
		"an internal problem":     problem.New(problem.Internal, "table secret-host is gone"),
		"a cause behind a detail": problem.Wrap(errors.New("secret-host"), problem.Unavailable, "the store does not answer"),
	} {
		t.Run(name, func(t *testing.T) {
			b, e := json.Marshal(problem.Of(err, "r-1"))
			if e != nil || strings.Contains(string(b), "secret-host") {
				t.Errorf("%s, %v", b, e)
			}
		})
	}
}

func TestEveryKindHasItsOwnCodeAndAStatus(t *testing.T) {
	seen := map[string]problem.Kind{}
	for k := problem.Internal; k <= problem.Unavailable; k++ {
		if k.Status() < 400 || k.Status() > 599 || http.StatusText(k.Status()) == "" {
			t.Errorf("kind %d has status %d", k, k.Status())
		}
		if other, taken := seen[k.Code()]; taken {
			t.Errorf("kinds %d and %d share the code %s", k, other, k.Code())
		}
		seen[k.Code()] = k
	}
}

func TestAKindIsFoundBehindWraps(t *testing.T) {
	err := fmt.Errorf("find key: %w", problem.New(problem.NotFound, "there is no such key"))
	if !problem.Is(err, problem.NotFound) || problem.Is(err, problem.Conflict) || problem.Is(nil, problem.Internal) {
		t.Error(problem.KindOf(err))
	}
}

func TestADocumentIsFlatAndLeavesOutWhatIsEmpty(t *testing.T) {
	d := problem.Of(&problem.Error{Kind: problem.Unprocessable, Detail: "no", Faults: []problem.Fault{{Pointer: "/id", Detail: "bad"}}}, "r-1")
	d.Extra = map[string]any{"fix": "mend it"}
	b, err := json.Marshal(d)
	want := `{"code":"unprocessable","detail":"no","errors":[{"pointer":"/id","detail":"bad"}],"fix":"mend it","request_id":"r-1",` +
		`"status":422,"title":"The request cannot be carried out as it is","type":"urn:sluice:problem:unprocessable"}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if b, _ := json.Marshal(problem.Document{Type: "urn:x", Title: "t", Status: 400, Code: "c"}); strings.Contains(string(b), "request_id") {
		t.Errorf("%s", b)
	}
}
