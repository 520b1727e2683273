package settings_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/shared/settings"
)

func env(pairs ...string) settings.Env {
	m := map[string]string{"TABLE_NAME": "sluice", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s3cret-value"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestAllFaultsAreNamedTogether(t *testing.T) {
	_, err := settings.LoadProxy(env("TABLE_NAME", "", "LOG_LEVEL", "LOUD", "SLUICE_UPSTREAM_NETWORKS", "all", "SLUICE_FLUSH_SECONDS", "soon",
		"AWS_ENDPOINT_URL_DYNAMODB", "localhost:8000"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"TABLE_NAME", "LOG_LEVEL", "SLUICE_UPSTREAM_NETWORKS", "SLUICE_FLUSH_SECONDS", "AWS_ENDPOINT_URL_DYNAMODB"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

func TestDefaultsServeADeployment(t *testing.T) {
	p, err := settings.LoadProxy(env())
	if err != nil || p.Networks != settings.PublicNetworks || p.FlushAfter != 2*time.Second || p.Table.Endpoint != "" {
		t.Errorf("%+v, %v", p, err)
	}
	a, err := settings.LoadAuthorizer(env("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2"))
	if err != nil || a.StaleMax != 5*time.Minute || a.Table.Endpoint != "http://127.0.0.1:2" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestTheStoresSecretIsNeverPrinted(t *testing.T) {
	p, err := settings.LoadProxy(env())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, p.Table); strings.Contains(s, "s3cret-value") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
