package structure_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"sluice/test/structure"
)

// files is a tree that keeps every rule.
func files() fstest.MapFS {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		".gitignore": "/bin/\n", "README.md": "# It\n", "Makefile": "all:\n", "go.mod": "module sluice\n",
		"functions/README.md":            "# functions\n",
		"functions/keys/main.go":         "// Command keys issues.\npackage main\n\nimport (\n\t\"os\"\n\n\t\"github.com/aws/aws-lambda-go/lambda\"\n\n\t\"sluice/functions/keys/issue\"\n)\n\nfunc main() { lambda.Start(issue.New(os.Getenv(\"X\"))) }\n",
		"functions/keys/issue/issue.go":  "// Package issue issues.\npackage issue\n\nimport _ \"sluice/shared/dynamo\"\n",
		"functions/proxy/forward/f.go":   "// Package forward forwards.\npackage forward\n",
		"policies/README.md":             "# policies\n",
		"policies/embed.go":              "// Package policies embeds.\npackage policies\n\nimport \"embed\"\n\n//go:embed access\nvar files embed.FS\n",
		"shared/README.md":               "# shared\n",
		"shared/dynamo/dynamo.go":        "// Package dynamo stores.\npackage dynamo\n\nimport _ \"github.com/aws/aws-sdk-go-v2/service/dynamodb\"\n",
		"shared/limit/limit.go":          "// Package limit limits.\npackage limit\n\nimport \"net/http\"\n\n// OK is fine.\nconst OK = http.StatusOK\n",
		"shared/limit/limit_test.go":     "package limit_test\n\nimport _ \"sluice/test/engine\"\n",
		"shared/policy/policy.go":        "// Package policy decides.\npackage policy\n\nimport _ \"github.com/open-policy-agent/opa/v1/ast\"\n",
		"test/README.md":                 "# test\n",
		"test/engine/engine.go":          "// Package engine starts engines.\npackage engine\n\nvar local = new(int)\n",
		"scripts/README.md":              "# scripts\n",
		"scripts/tools/node_modules/x/y": "from registry.npmjs." + "org\n",
		".sluice/log":                    "/root" + "/x\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	tree["scripts/run.sh"] = &fstest.MapFile{Data: []byte("#!/bin/sh\n"), Mode: 0o755}
	return tree
}

func check(t *testing.T, tree fstest.MapFS) []structure.Fault {
	t.Helper()
	faults, err := structure.Check(tree)
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestATreeThatKeepsTheRulesHasNoFault(t *testing.T) {
	for _, f := range check(t, files()) {
		t.Error(f)
	}
}

// inLimit is a file of package limit with this in it.
func inLimit(text string) map[string]string {
	return map[string]string{"shared/limit/x.go": "package limit\n\n" + text + "\n"}
}

func lines(n int) string { return strings.Repeat("\n", n) }

func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "F%d int\n", i)
	}
	return b.String()
}

func imports(name string) string { return "import _ \"" + name + "\"" }

// broken are trees with one fault each: the files that are put into a good tree, and the fault.
func broken() map[string]struct {
	put  map[string]string
	want string
} {
	type c = struct {
		put  map[string]string
		want string
	}
	return map[string]c{
		"a main has 60 lines":                        {map[string]string{"functions/keys/main.go": "// Package main\npackage main\n" + lines(60)}, "functions/keys/main.go:60: main size:"},
		"a file has 400 lines":                       {inLimit(lines(400)), "shared/limit/x.go:400: file size:"},
		"a test file has 400 lines":                  {map[string]string{"shared/limit/x_test.go": "package limit_test\n" + lines(400)}, "shared/limit/x_test.go:400: file size:"},
		"a function has 60 lines":                    {inLimit("func f() {" + lines(60) + "}"), "shared/limit/x.go:3: function size: f has 61 lines"},
		"a test's code has 60 lines":                 {map[string]string{"shared/limit/x_test.go": "package limit_test\nfunc f() {" + lines(60) + "}\n"}, "shared/limit/x_test.go:2: function size:"},
		"a package has 1,500 lines":                  {map[string]string{"shared/limit/a.go": "package limit\n" + lines(390), "shared/limit/b.go": "package limit\n" + lines(390), "shared/limit/c.go": "package limit\n" + lines(390), "shared/limit/d.go": "package limit\n" + lines(390)}, "shared/limit:0: package size: it has 1571"},
		"an interface has 4 methods":                 {inLimit("type I interface{ A(); B(); C(); D(); E() }"), "shared/limit/x.go:3: interface size: I has 5"},
		"an embedded interface counts":               {inLimit("type I interface{ J; C(); D() }\ntype J interface{ A(); B(); E() }"), "shared/limit/x.go:3: interface size: I has 5"},
		"an interface of another package counts":     {map[string]string{"functions/keys/issue/x.go": "package issue\nimport \"sluice/shared/dynamo\"\ntype I interface{ dynamo.J; C(); D() }\n", "shared/dynamo/x.go": "package dynamo\ntype J interface{ A(); B(); E() }\n"}, "functions/keys/issue/x.go:3: interface size: I has 5"},
		"a struct has 15 fields":                     {inLimit("type S struct {\n" + fields(16) + "}"), "shared/limit/x.go:3: struct size: S has 16"},
		"shared has 14 packages":                     {map[string]string{"shared/a/a.md": "", "shared/b/a.md": "", "shared/c/a.md": "", "shared/d/a.md": "", "shared/e/a.md": "", "shared/f/a.md": "", "shared/g/a.md": "", "shared/h/a.md": "", "shared/i/a.md": "", "shared/j/a.md": "", "shared/k/a.md": "", "shared/l/a.md": ""}, "shared:0: shared packages: there are 15"},
		"OPA belongs to shared/policy":               {inLimit(imports("github.com/open-policy-agent/opa/v1/rego")), "shared/limit/x.go:3: import: github.com/open-policy-agent/opa/v1/rego: OPA belongs"},
		"the DynamoDB client belongs to dynamo":      {map[string]string{"functions/keys/issue/x.go": "package issue\n" + imports("github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression") + "\n"}, "functions/keys/issue/x.go:2: import: "},
		"the Lambda runtime belongs to mains":        {map[string]string{"functions/keys/issue/x.go": "package issue\n" + imports("github.com/aws/aws-lambda-go/lambda") + "\n"}, "the Lambda runtime belongs to a function's main.go"},
		"the adapter belongs to gatewayevent":        {map[string]string{"functions/keys/issue/x.go": "package issue\n" + imports("github.com/awslabs/aws-lambda-go-api-proxy/httpadapter") + "\n"}, "the HTTP adapter belongs to shared/gatewayevent"},
		"an inner package knows no AWS":              {inLimit(imports("github.com/aws/aws-lambda-go/events")), "shared/limit/x.go:3: import: github.com/aws/aws-lambda-go/events: an inner package knows nothing"},
		"an inner package knows no outer one":        {inLimit(imports("sluice/shared/policy")), "sluice/shared/policy: an inner package imports no outer one"},
		"an inner package serves no HTTP":            {inLimit("import \"net/http\"\n\nfunc f(http.ResponseWriter) {}"), "shared/limit/x.go:5: inner http: http.ResponseWriter"},
		"the environment belongs to mains":           {map[string]string{"functions/keys/issue/x.go": "package issue\nimport \"os\"\nfunc f() string { return os.Getenv(\"X\") }\n"}, "functions/keys/issue/x.go:3: environment: os.Getenv"},
		"shared imports no function":                 {map[string]string{"shared/dynamo/x.go": "package dynamo\n" + imports("sluice/functions/keys/issue") + "\n"}, "shared imports nothing of functions"},
		"a function imports no other one":            {map[string]string{"functions/proxy/forward/x.go": "package forward\n" + imports("sluice/functions/keys/issue") + "\n"}, "a function never imports another one"},
		"a function's test imports no other one":     {map[string]string{"functions/proxy/forward/x_test.go": "package forward_test\n" + imports("sluice/functions/keys/issue") + "\n"}, "a function never imports another one"},
		"a function imports no script":               {map[string]string{"functions/proxy/forward/x.go": "package forward\n" + imports("sluice/scripts/sluice/local") + "\n"}, "a function imports shared packages and policies only"},
		"what is for tests is for tests":             {map[string]string{"shared/dynamo/x.go": "package dynamo\n" + imports("sluice/test/engine") + "\n"}, "shared imports nothing of test"},
		"no other folder lies on top":                {map[string]string{"internal/x.md": "x\n"}, "internal/x.md:0: top level:"},
		"no other file lies on top":                  {map[string]string{"notes.txt": "x\n"}, "notes.txt:0: top level:"},
		"each folder on top has a README":            {map[string]string{"infra/data.yaml": "x\n"}, "infra:0: readme:"},
		"a script can be run":                        {map[string]string{"scripts/x.sh": "#!/bin/sh\n"}, "scripts/x.sh:1: executable:"},
		"a script by its first line can be run":      {map[string]string{".ci/run": "#!/bin/sh\n"}, ".ci/run:1: executable:"},
		"a package's name says something":            {map[string]string{"shared/util/x.go": "// Package util is.\npackage util\n"}, "shared/util/x.go:2: package name: util"},
		"a package's name is one word":               {map[string]string{"shared/a_b/x.go": "// Package a_b is.\npackage a_b\n"}, "shared/a_b/x.go:2: package name: a_b"},
		"a package says what it is for":              {map[string]string{"shared/x/x.go": "package x\n"}, "shared/x/x.go:1: package comment:"},
		"a variable without a value":                 {inLimit("var cache map[string]int"), "shared/limit/x.go:3: package state: cache: it has no value"},
		"a variable that is filled later":            {inLimit("var cache = make(map[string]int)"), "package state: cache: it is made empty"},
		"a variable that is an address":              {inLimit("var now = &clock{}"), "package state: now: it is an address"},
		"a variable that holds a lock":               {inLimit("import \"sync\"\n\nvar mu = sync.Mutex{}"), "package state: mu: it holds a lock"},
		"a variable that somebody gives":             {inLimit("var now = clock()"), "package state: now: nobody can tell"},
		"a table that is written to":                 {inLimit("var table = map[string]int{}\n\nfunc f() { table[\"a\"] = 1 }"), "package state: table: it is changed"},
		"a table that is written to in another file": {map[string]string{"shared/limit/x.go": "package limit\nvar table = []int{1}\n", "shared/limit/y.go": "package limit\nfunc f() { table[0]++ }\n"}, "package state: table: it is changed"},
		"a path of a machine":                        {map[string]string{"scripts/x.md": "see \"/home" + "/me/x\"\n"}, "scripts/x.md:1: machine path:"},
		"a registry":                                 {map[string]string{"scripts/x.md": "\nfrom https://proxy.golang." + "org\n"}, "scripts/x.md:2: registry:"},
		"a test that looks inside":                   {map[string]string{"shared/limit/x_test.go": "package limit\n"}, "shared/limit/x_test.go:1: black box:"},
		"a pattern is compiled when it is needed":    {inLimit("import \"regexp\"\n\nvar slug = regexp.MustCompile(\"x\")"), "shared/limit/x.go:5: cold start: slug: regexp.MustCompile"},
		"a list of patterns is, too":                 {inLimit("import \"regexp\"\n\nvar all = []*regexp.Regexp{regexp.MustCompile(\"x\")}"), "shared/limit/x.go:5: cold start: all: regexp.MustCompile"},
		"a template is parsed when it is needed":     {inLimit("import \"html/template\"\n\nvar page = template.Must(template.ParseFS(files))"), "shared/limit/x.go:5: cold start: page: template.Must"},
		"a package does nothing before main":         {inLimit("func init() { start() }"), "shared/limit/x.go:3: cold start: init"},
		"a general validator is for tests":           {inLimit(imports("github.com/santhosh-tekuri/jsonschema/v6")), "github.com/santhosh-tekuri/jsonschema/v6: a validator that takes each cold start 5 ms belongs to test"},
		"a panic in a package":                       {inLimit("func f() { panic(1) }"), "shared/limit/x.go:3: panic:"},
		"an open end without an issue":               {inLimit("// TO" + "DO: later"), "shared/limit/x.go:3: open end:"},
		"a file that is no Go":                       {inLimit("func {"), "shared/limit/x.go:0: syntax:"},
	}
}

func TestEachRuleSeesItsFaultAndNoOther(t *testing.T) {
	for rule, c := range broken() {
		t.Run(rule, func(t *testing.T) {
			tree := files()
			for name, text := range c.put {
				tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			}
			faults := check(t, tree)
			if len(faults) != 1 || !strings.Contains(faults[0].String(), c.want) {
				t.Errorf("got %v\nwant %s", faults, c.want)
			}
		})
	}
}

func TestWhatTheRulesAllow(t *testing.T) {
	for promise, put := range map[string]map[string]string{
		"a test's table may be long":                 {"shared/limit/x_test.go": "package limit_test\nfunc f() {\n_ = map[string]int{" + lines(70) + "}\n}\n"},
		"generated code may be long":                 {"shared/limit/x.go": "// Code generated by a tool. DO NOT EDIT.\n\npackage limit\n" + lines(500)},
		"settings may be wide":                       {"shared/settings/x.go": "// Package settings is.\npackage settings\n\ntype S struct {\n" + fields(30) + "}\n"},
		"a union is no interface of many methods":    inLimit("type I interface{ ~int | ~string; comparable }"),
		"an error may be a package's variable":       inLimit("import \"errors\"\n\nvar errGone = errors.New(\"gone\")\nvar errBad = bad(\"x\")"),
		"a pattern may wait in a package's variable": inLimit("import (\n\t\"regexp\"\n\t\"sync\"\n)\n\nvar slug = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(\"x\") })"),
		"a script may prepare what it likes":         {"scripts/x/x.go": "// Package x is.\npackage x\n\nimport \"regexp\"\n\nvar slug = regexp.MustCompile(\"x\")\n"},
		"a test may have a general validator":        {"shared/limit/x_test.go": "package limit_test\n\n" + imports("github.com/santhosh-tekuri/jsonschema/v6") + "\n"},
		"a table that is only read may be one":       inLimit("var table = map[string]int{\"a\": 1}\n\nfunc f() int { return table[\"a\"] }"),
		"an assertion may be one":                    inLimit("var _ fmt.Stringer = x{}"),
		"a test may have variables":                  {"shared/limit/x_test.go": "package limit_test\nvar count int\n"},
		"a test may see through its own window":      {"shared/limit/export_test.go": "package limit\n"},
		"the local cloud's tests serve the runtime":  {"scripts/sluice/lambda/x_test.go": "// Package lambda_test is.\npackage lambda_test\n" + imports("github.com/aws/aws-lambda-go/lambda") + "\n"},
		"a path in a URL is no machine's":            {"scripts/x.md": "https://example.com/home/me and api/tmp/x\n"},
		"an open end may name its issue":             inLimit("// TO" + "DO(#12): later"),
		"the root says what it wants in its README":  {"README.md": "no rule\n"},
	} {
		t.Run(promise, func(t *testing.T) {
			tree := files()
			for name, text := range put {
				tree[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			}
			for _, f := range check(t, tree) {
				t.Error(f)
			}
		})
	}
}
