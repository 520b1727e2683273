package structure

import (
	"go/ast"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// only says which folders may import a package and all below it.
type only struct {
	pkg     string
	folders []string
	mains   bool     // only a function's main.go
	tests   []string // where tests may import it, too: those of the local cloud serve the real runtime
	what    string
}

func reserved() []only {
	const dynamo = "github.com/aws/aws-sdk-go-v2/"
	return []only{
		{pkg: "github.com/open-policy-agent/opa", folders: []string{"shared/policy", "policies"}, what: "OPA"},
		{pkg: dynamo + "service/dynamodb", folders: []string{"shared/dynamo", "test/engine"}, what: "the DynamoDB client"},
		{pkg: dynamo + "feature/dynamodb", folders: []string{"shared/dynamo", "test/engine"}, what: "the DynamoDB client"},
		{pkg: "github.com/aws/aws-lambda-go/lambda", mains: true, tests: []string{"scripts/sluice"}, what: "the Lambda runtime"},
		{pkg: "github.com/santhosh-tekuri/jsonschema", folders: []string{"test"}, tests: []string{"functions", "shared", "scripts"},
			what: "a validator that takes each cold start 5 ms"},
		{pkg: "github.com/danielgtaylor/huma", folders: []string{"shared/resource/document", "scripts/openapi"}, what: "the document's writer"},
		{pkg: "github.com/awslabs/aws-lambda-go-api-proxy", folders: []string{"shared/gatewayevent"}, what: "the HTTP adapter"},
	}
}

// inner are the shared packages without the outside world: they import the standard library, each other and what reads
// formats.
func inner() []string {
	return []string{"shared/catalog", "shared/contract", "shared/credential", "shared/decision", "shared/limit", "shared/usage",
		"shared/problem"}
}

func functionMain() *regexp.Regexp { return regexp.MustCompile(`^functions/[^/]+/main\.go$`) }

// imports holds who imports what against the rules.
func (t *tree) imports() {
	for _, s := range t.code {
		for _, i := range s.syntax.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				continue
			}
			if why := refused(s, name); why != "" {
				t.fault(s.name, t.line(i.Pos()), "import", "%s: %s", name, why)
			}
		}
	}
}

// refused says why a file may not import a package, or "".
func refused(s *source, name string) string {
	for _, r := range reserved() {
		if !within(name, r.pkg) {
			continue
		}
		if s.test && within(s.dir, r.tests...) {
			continue
		}
		if r.mains && !functionMain().MatchString(s.name) {
			return r.what + " belongs to a function's main.go"
		}
		if !r.mains && !within(s.dir, r.folders...) {
			return r.what + " belongs to " + strings.Join(r.folders, " and ")
		}
	}
	own, ours := strings.CutPrefix(name, Module+"/")
	if within(s.dir, inner()...) && !s.test {
		switch {
		case within(name, "github.com/aws"), within(name, "github.com/awslabs"), within(name, "database/sql"), within(name, "os/exec"),
			within(name, "net/http/httptest"), within(name, "net/http/httputil"):
			return "an inner package knows nothing of the outside world"
		case ours && !within(own, inner()...):
			return "an inner package imports no outer one"
		}
	}
	if ours {
		return crossed(s, own)
	}
	return ""
}

// crossed says which arrow an import within the module runs against, or "".
func crossed(s *source, own string) string {
	from, to := top(s.dir), top(own)
	switch {
	case s.test && (to == "test" || to == "policies"): // engines to run on, policies to judge by
		return ""
	case from == "shared" && to != "shared", from == "policies" && to != "policies" && !s.test:
		return from + " imports nothing of " + to
	case from == "functions" && to != "functions" && to != "shared" && to != "policies":
		return "a function imports shared packages and policies only"
	case from == "functions" && to == "functions" && function(s.dir) != function(own):
		return "a function never imports another one"
	case to == "test" && from != "test" && from != "scripts":
		return "only tests import what is made for tests"
	}
	return ""
}

func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// function is the folder of the function that a folder belongs to.
func function(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	return path.Join(parts[:min(2, len(parts))]...)
}

// plainHTTP is what an inner package may use of net/http: names of things, no machinery.
func plainHTTP() *regexp.Regexp {
	return regexp.MustCompile(`^(Status\w+|Method\w+|Header|CanonicalHeaderKey|TimeFormat|DetectContentType)$`)
}

// selectors holds who uses the environment and HTTP against the rules.
func (t *tree) selectors() {
	environment, plain := regexp.MustCompile(`^(Getenv|LookupEnv|Environ|ExpandEnv)$`), plainHTTP()
	for _, s := range t.code {
		if s.test {
			continue
		}
		names := imported(s.syntax)
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			x, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := x.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch names[id.Name] {
			case "os":
				if environment.MatchString(x.Sel.Name) && path.Base(s.name) != "main.go" && !within(s.dir, "shared/settings", "test") {
					t.fault(s.name, t.line(x.Pos()), "environment", "os.%s belongs to main.go and shared/settings", x.Sel.Name)
				}
			case "net/http":
				if within(s.dir, inner()...) && !plain.MatchString(x.Sel.Name) {
					t.fault(s.name, t.line(x.Pos()), "inner http", "http.%s has no place in an inner package", x.Sel.Name)
				}
			}
			return true
		})
	}
}

// imported maps the names that a file uses for packages to their paths.
func imported(f *ast.File) map[string]string {
	names := make(map[string]string)
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = p
	}
	return names
}
