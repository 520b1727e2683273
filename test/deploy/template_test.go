// Package deploy_test deploys the bundle for real and runs the main journey on it, and checks what no lint looks at in
// the transformed template. run.sh and lint.sh start it; without them the tests say why they skip.
package deploy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type template struct {
	Resources map[string]struct {
		Type       string
		Properties map[string]any
	}
}

func transformed(t *testing.T, name string) template {
	t.Helper()
	dir := os.Getenv("SLUICE_TEMPLATES")
	if dir == "" {
		t.Skip("needs the transformed templates: run `make templates`, which makes them with SAM")
	}
	b, err := os.ReadFile(filepath.Join(dir, name)) // #nosec G304 -- a folder that the script names
	if err != nil {
		t.Fatal(err)
	}
	var out template
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (d template) each(kind string, f func(name string, p map[string]any)) (n int) {
	for name, r := range d.Resources {
		if r.Type == kind {
			n++
			f(name, r.Properties)
		}
	}
	return n
}

func dig(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func TestTemplateAsksTheAuthorizerOnEveryManagedRouteAndNeverCachesIt(t *testing.T) {
	open := map[string]bool{"GatewayApi /healthz": true, "ManagementApi /healthz": true,
		"ManagementApi /admin/v1/openapi.json": true, "ManagementApi /$default": true}
	n := transformed(t, "prod.json").each("AWS::ApiGatewayV2::Api", func(name string, p map[string]any) {
		guard := dig(p, "Body", "components", "securitySchemes", "Sluice", "x-amazon-apigateway-authorizer")
		if ttl := dig(guard, "authorizerResultTtlInSeconds"); ttl != float64(0) {
			t.Errorf("%s: verdicts are cached for %v s", name, ttl)
		}
		if id, ok := dig(guard, "identitySource").([]any); !ok || len(id) != 0 {
			t.Errorf("%s: identity source %v: calls without it would not reach the authorizer", name, dig(guard, "identitySource"))
		}
		paths, _ := dig(p, "Body", "paths").(map[string]any)
		for path, item := range paths {
			for method, op := range item.(map[string]any) {
				security, _ := json.Marshal(dig(op, "security"))
				guarded := string(security) == `[{"Sluice":[]}]`
				if guarded == open[name+" "+path] {
					t.Errorf("%s %s %s: security %s", name, method, path, security)
				}
			}
		}
	})
	if n != 2 {
		t.Errorf("%d HTTP APIs, want 2", n)
	}
}

func TestTemplateGrantsEachFunctionNamedActionsOnTheTableOnly(t *testing.T) {
	n := transformed(t, "prod.json").each("AWS::IAM::Role", func(name string, p map[string]any) {
		policies, _ := dig(p, "Policies").([]any)
		for _, policy := range policies {
			b, err := json.Marshal(dig(policy, "PolicyDocument", "Statement"))
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{`"Action":"*"`, `dynamodb:*`, `dynamodb:Scan`, `"Resource":"*"`, `DeleteTable`} {
				if strings.Contains(string(b), bad) {
					t.Errorf("%s grants %s: %s", name, bad, b)
				}
			}
		}
	})
	if n < 6 {
		t.Errorf("%d roles", n)
	}
}

func TestTemplateDeploysGraduallyInProductionOnly(t *testing.T) {
	for file, want := range map[string]int{"dev.json": 0, "prod.json": 6} {
		if n := transformed(t, file).each("AWS::CodeDeploy::DeploymentGroup", func(string, map[string]any) {}); n != want {
			t.Errorf("%s has %d deployment groups, want %d", file, n, want)
		}
	}
}

func TestTemplateRunsEveryFunctionBehindTheLiveAlias(t *testing.T) {
	d := transformed(t, "prod.json")
	functions := d.each("AWS::Lambda::Function", func(name string, p map[string]any) {
		if p["Runtime"] != "provided.al2023" || dig(p, "Environment", "Variables", "TABLE_NAME") == nil {
			t.Errorf("%s: %v", name, p)
		}
	})
	if aliases := d.each("AWS::Lambda::Alias", func(string, map[string]any) {}); functions != 6 || aliases != functions {
		t.Errorf("%d functions, %d aliases", functions, aliases)
	}
}
