package policies_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/tester"

	"sluice/policies"
	"sluice/shared/decision"
	"sluice/shared/policy"
)

// sources gives every Rego file, tests included, by its path in this folder.
func sources(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*/*.rego")
	if err != nil || len(names) == 0 {
		t.Fatalf("no policies found: %v", err)
	}
	all := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = string(text)
	}
	return all
}

func parsed(t *testing.T) map[string]*ast.Module {
	t.Helper()
	modules := map[string]*ast.Module{}
	for name, text := range sources(t) {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = m
	}
	return modules
}

func TestRego(t *testing.T) {
	ctx := context.Background()
	results, err := tester.NewRunner().SetDefaultRegoVersion(ast.RegoV1).RaiseBuiltinErrors(true).SetModules(parsed(t)).RunTests(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for r := range results {
		ran[r.Package]++
		t.Run(strings.TrimPrefix(r.Package, "data.")+"/"+r.Name, func(t *testing.T) {
			if !r.Pass() {
				t.Errorf("%s: failed: %v", r.Location, r)
			}
		})
	}
	for _, p := range []string{"data.access_test", "data.admin_test"} {
		if ran[p] == 0 {
			t.Errorf("package %s has no tests", p)
		}
	}
}

func TestEachPolicyFileHasItsTestsBesideIt(t *testing.T) {
	all := sources(t)
	for name := range all {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		if _, ok := all[strings.TrimSuffix(name, ".rego")+"_test.rego"]; !ok {
			t.Errorf("%s has no tests", name)
		}
	}
}

func TestFormat(t *testing.T) {
	for name, text := range sources(t) {
		want, err := format.SourceWithOpts(name, []byte(text), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if text != string(want) {
			t.Errorf("%s is not formatted as opa fmt does", name)
		}
	}
}

func TestSize(t *testing.T) {
	for name, text := range sources(t) {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) > 150 {
			t.Errorf("%s has %d lines; 150 are enough", name, len(lines))
		}
		for i, line := range lines {
			if len(strings.ReplaceAll(line, "\t", "    ")) > 120 {
				t.Errorf("%s:%d is longer than 120 columns", name, i+1)
			}
		}
	}
	for name, m := range parsed(t) {
		for _, r := range m.Rules {
			if n := strings.Count(string(r.Location.Text), "\n") + 1; n > 30 {
				t.Errorf("%s: rule %s has %d lines; 30 are enough", name, r.Head.Name, n)
			}
		}
	}
}

func TestFolderIsPackageAndEverythingPublicIsDescribed(t *testing.T) {
	packages := map[string]int{} // how often each is described: only one of its files may
	defer func() {
		for p, n := range packages {
			if n != 1 {
				t.Errorf("package %s has metadata %d times, want once", p, n)
			}
		}
	}()
	for name, m := range parsed(t) {
		want := "data." + filepath.Dir(name)
		if strings.HasSuffix(name, "_test.rego") {
			want += "_test"
		}
		if got := m.Package.Path.String(); got != want {
			t.Errorf("%s: package %s, want %s", name, got, want)
		}
		described := map[string]bool{}
		for _, a := range m.Annotations {
			if a.Title == "" || a.Description == "" {
				t.Errorf("%s:%d: metadata without title or description", name, a.Location.Row)
			}
			if a.Scope == "package" {
				described["package"] = true
				continue
			}
			described[strings.TrimPrefix(a.GetTargetPath().String(), want+".")] = true
		}
		packages[want] += 0
		if described["package"] {
			packages[want]++
		}
		for _, r := range m.Rules {
			rule := r.Head.Name.String()
			private := strings.HasPrefix(rule, "_") || strings.HasPrefix(rule, "test_")
			if !private && !described[rule] {
				t.Errorf("%s: rule %s has no metadata", name, rule)
			}
			if !private && rule != "decision" {
				t.Errorf("%s: rule %s is public; the only entry point is decision", name, rule)
			}
		}
	}
}

// TestNoHelperIsWrittenTwice compares the text of helpers over all policies.
func TestNoHelperIsWrittenTwice(t *testing.T) {
	seen := map[string]string{}
	for name, m := range parsed(t) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		for _, r := range m.Rules {
			text := r.String()
			if other, twice := seen[text]; twice {
				t.Errorf("%s and %s both have %s", name, other, r.Head.Name)
			}
			seen[text] = name
		}
	}
}

func TestPoliciesCompileStrictlyUnderTheBuiltinsThatDecisionsMayUse(t *testing.T) {
	for entry, modules := range map[string]map[string]string{
		"data.access.decision": policies.Access(), "data.admin.decision": policies.Admin(),
	} {
		if _, err := policy.New(modules, entry); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestTestsAreNotPartOfWhatBinariesCarry(t *testing.T) {
	for _, modules := range []map[string]string{policies.Access(), policies.Admin()} {
		if len(modules) == 0 {
			t.Error("no modules")
		}
		for name := range modules {
			if strings.HasSuffix(name, "_test.rego") {
				t.Errorf("%s is carried", name)
			}
		}
	}
}

// TestEveryReasonIsARefusal collects every text that a rule of a policy can put into reasons.
func TestEveryReasonIsARefusal(t *testing.T) {
	want := map[string][]decision.Refusal{
		"access/access.rego": {decision.CredentialMissing, decision.CredentialInvalid, decision.CredentialExpired, decision.NoSuchAPI,
			decision.VersionRetired, decision.NotSubscribed, decision.SubscriptionInactive, decision.NoSuchOperation,
			decision.ScopeMissing, decision.PolicyRefused},
		"admin/admin.rego": {decision.AdminRefused},
	}
	for name, m := range parsed(t) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		var got []decision.Refusal
		for _, r := range m.Rules {
			for _, reason := range reasonsOf(r) {
				if !slices.Contains(decision.Refusals(), reason) {
					t.Errorf("%s: reason %q is no refusal", name, reason)
				}
				if !slices.Contains(got, reason) {
					got = append(got, reason)
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want[name])
		if !slices.Equal(got, want[name]) {
			t.Errorf("%s: reasons %v, want %v", name, got, want[name])
		}
	}
}

// reasonsOf gives the reasons in the head of a rule: the members of "reasons" in a decision, and of _refusals.
func reasonsOf(r *ast.Rule) []decision.Refusal {
	var found []decision.Refusal
	texts := func(t *ast.Term) {
		ast.WalkTerms(t, func(t *ast.Term) bool {
			if s, ok := t.Value.(ast.String); ok {
				found = append(found, decision.Refusal(s))
			}
			return false
		})
	}
	if r.Head.Name == "_refusals" && r.Head.Key != nil {
		texts(r.Head.Key)
	}
	if r.Head.Name != "decision" || r.Head.Value == nil {
		return found
	}
	if o, ok := r.Head.Value.Value.(ast.Object); ok {
		if reasons := o.Get(ast.StringTerm("reasons")); reasons != nil {
			texts(reasons)
		}
	}
	return found
}

// TestNoFunctionCallIsNegated holds off a trap: the compiler takes the arguments of a call out of its negation, so that a
// missing argument makes `not f(input.x)` undefined instead of true, and a refusal does not fire. Negate a helper instead.
func TestNoFunctionCallIsNegated(t *testing.T) {
	for name, m := range parsed(t) {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		ast.WalkExprs(m, func(e *ast.Expr) bool {
			if e.Negated && e.IsCall() && !e.IsEquality() && e.Operator().String() != "equal" {
				t.Errorf("%s: %s negates a call", e.Location, e)
			}
			return false
		})
	}
}
