package management_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/functions/catalog/manage"
	"sluice/functions/keys/issue"
	"sluice/scripts/openapi/write"
	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// What schemathesis must find nothing with.
var checks = []string{"not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance", "response_headers_conformance", "ignored_auth",
	"negative_data_rejection", "unsupported_method", "missing_required_header"}

// config adds 412 to what bad data may be answered with: a contract is not looked at if it is not wanted any more.
const config = `[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429]
`

// TestSchemathesisFindsNothing serves both functions over plain HTTP and lets schemathesis at them.
func TestSchemathesisFindsNothing(t *testing.T) {
	st := os.Getenv("SLUICE_SCHEMATHESIS")
	if st == "" {
		t.Skip("set by test/management/run.sh (make management), which installs schemathesis")
	}
	var log bytes.Buffer
	server := httptest.NewServer(both(t, &log))
	defer server.Close()
	document := filepath.Join(t.TempDir(), "openapi.json")
	text, err := write.Document()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(document, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", document, "--url", server.URL, "-H", "Authorization: Bearer " + front.Admin, "--phases", "examples,coverage,fuzzing",
		"--max-examples", "15", "--seed", "1", "--checks", strings.Join(checks, ","), "--no-color"}
	args = append(args, strings.Fields(os.Getenv("SLUICE_SCHEMATHESIS_ARGS"))...)
	cmd := exec.CommandContext(t.Context(), st, args...) // #nosec G204 G702 -- our own tool
	cmd.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cmd.Dir, "schemathesis.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("schemathesis: %v\n%s", err, faults(log.String()))
	}
}

// faults picks what went wrong on our side out of the log.
func faults(log string) string {
	var out []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"ERROR"`) && len(out) < 20 {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// both serves catalog and keys on one table, as the Management API's routes do.
func both(t *testing.T, out *bytes.Buffer) http.Handler {
	t.Helper()
	table, _ := engine.Table(t)
	log := telemetry.New(out, slog.LevelWarn)
	catalogHandler, err := manage.Wire(settings.Management{Networks: settings.PublicNetworks}, table, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	keysHandler, err := issue.Wire(table, time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	toCatalog, toKeys := gatewayevent.Handler(catalogHandler, log), gatewayevent.Handler(keysHandler, log)
	seed(t, table)
	return &front.Gateway{Actors: front.Staff(), Now: time.Now, Route: func(path string) gatewayevent.Function {
		if front.ToKeys(path) {
			return toKeys
		}
		return toCatalog
	}}
}

// exampleID is the UUID that the document's examples name.
const exampleID = "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60"

// seed stores what the examples of the document name, so that they lead somewhere.
func seed(t *testing.T, table *dynamo.Table) {
	t.Helper()
	w := catalog.Write{Actor: catalog.Actor{ID: "system"}, RequestID: "seed", Action: "seed", At: time.Now()}
	hash := strings.Repeat("0", 63)
	limits := &catalog.Limits{Rate: &catalog.Rate{Requests: 10, Seconds: 1}, Quota: &catalog.Quota{Requests: 1000, Period: catalog.Month, AnchorDay: 31}}
	version := func(api catalog.APIID, v catalog.VersionID) *catalog.Version {
		return &catalog.Version{API: api, Version: v, State: catalog.Draft, Upstream: catalog.Upstream{URL: "https://orders.example.com"},
			Validation: catalog.Validation{Request: "report", Response: "report"}}
	}
	for _, err := range []error{
		dynamo.NewResources[catalog.Team](table).Create(t.Context(), w, &catalog.Team{ID: "orders", Name: "Orders"}),
		dynamo.NewResources[catalog.API](table).Create(t.Context(), w, &catalog.API{ID: "orders", Name: "Orders", Team: "orders", Kind: catalog.REST, Audience: catalog.Public, Sensitivity: catalog.Open,
			Limits: limits, Anonymous: limits, Operations: map[string]catalog.OperationTraffic{"getOrder": {Cost: 2, Limits: limits}}}),
		dynamo.NewResources[catalog.Version](table).Create(t.Context(), w, version("orders", "v1")),
		dynamo.NewResources[catalog.Version](table).Create(t.Context(), w, version("orders", "v2")),
		dynamo.NewResources[catalog.Plan](table).Create(t.Context(), w, &catalog.Plan{ID: "orders", Name: "Orders", Approval: catalog.Manual, Scopes: []string{"orders:read"},
			Rate: limits.Rate, Quota: limits.Quota, Operations: map[string]catalog.Limits{"getOrder": *limits}}),
		dynamo.NewResources[catalog.Consumer](table).Create(t.Context(), w, &catalog.Consumer{ID: "orders", Name: "Orders", Kind: catalog.Internal}),
		dynamo.NewResources[catalog.App](table).Create(t.Context(), w, &catalog.App{ID: "orders", Name: "Orders", Consumer: "orders"}),
		dynamo.NewResources[catalog.Subscription](table).Create(t.Context(), w, &catalog.Subscription{ID: exampleID, App: "orders", API: "orders", Plan: "orders", State: catalog.Requested}),
		dynamo.NewResources[catalog.Key](table).Create(t.Context(), w, &catalog.Key{ID: exampleID, App: "orders", Prefix: "slk_example1", Hash: hash + "1"}),
		dynamo.NewResources[catalog.AdminKey](table).Create(t.Context(), w, &catalog.AdminKey{ID: exampleID, Name: "Example", Role: catalog.RoleAuditor, Prefix: "sla_example1", Hash: hash + "2"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
