package promises_test

import (
	"bytes"
	"strings"
	"testing"

	"sluice/test/engine"
	"sluice/test/platform"
)

// TestPromise7SecretsStaySecret: a key is shown once. It is in no log, no audit entry, no list, no refusal, nothing that
// reaches an upstream, and not in the bytes that the store keeps.
func TestPromise7SecretsStaySecret(t *testing.T) {
	disk := engine.OnDisk(t)
	w := worldOn(t, platform.On(t, disk.Settings(), 1))
	_, key := w.key("shop")
	_, old := w.key("shop")
	rotated := w.Admin(201, "POST", "/apps/shop/keys/"+w.firstKey("shop")+"/rotate", m{"overlap_seconds": 60}).JSON()
	made := w.Admin(201, "POST", "/admin-keys", m{"name": "Auditor", "role": "auditor"}).JSON()
	fresh, _ := rotated["key"].(string)
	auditor, _ := made["key"].(string)
	w.settle()

	var told []platform.Response
	for _, k := range []string{key, old, fresh} {
		told = append(told, w.call(0, "GET", "/orders/v1/orders", k), w.call(0, "POST", "/orders/v1/orders", k),
			w.call(0, "GET", "/orders/v1/nothing", k), w.call(0, "GET", "/orders/v1/orders", flip(k)), w.call(0, "GET", "/orders/v1/orders", k+","+k))
	}
	for _, path := range []string{"/audit?limit=100", "/apps/shop/keys", "/admin-keys", "/apps/shop"} {
		told = append(told, w.Admin(200, "GET", path, nil))
	}
	told = append(told, w.admin("POST", "/apps/shop/keys", `{"key":"`+key+`"}`), w.admin("GET", "/apps/"+key, ""))
	if err := w.Proxies[0].Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Rollup()

	secrets := map[string]string{"a key": key, "a rotated key": old, "its successor": fresh, "an admin's key": auditor, "the first admin's key": platform.AdminKey}
	for name, secret := range secrets {
		if len(secret) < 32 {
			t.Fatalf("%s was never shown", name)
		}
		heart := secret[12 : len(secret)-6] // what is beyond the prefix that lists show
		for _, out := range told {
			if bytes.Contains(out.Body, []byte(heart)) {
				t.Errorf("%s is in the answer %d %s", name, out.Status, out.Body)
			}
		}
		if at := strings.Index(w.Log.String(), heart); at >= 0 {
			t.Errorf("%s is in a log: …%s", name, w.Log.String()[max(0, at-200):at])
		}
		for _, r := range w.seen {
			for header, values := range r.Header {
				if strings.Contains(strings.Join(values, ","), heart) {
					t.Errorf("%s reached the upstream in %s", name, header)
				}
			}
		}
		if disk.Contains(heart) {
			t.Errorf("%s is in the store's file", name)
		}
	}
	if !disk.Contains("shop") {
		t.Error("the store's file cannot be searched")
	}
}

func (w *world) firstKey(app string) string {
	items, _ := w.Admin(200, "GET", "/apps/"+app+"/keys", nil).JSON()["items"].([]any)
	id, _ := items[0].(m)["id"].(string)
	return id
}
