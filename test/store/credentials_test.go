package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

var credentials = []guarantee{
	{"a key's hash leads to its credential as long as the key is there", keyLife},
	{"an admin key's hash leads to who it is", adminKeyLife},
	{"a hash leads to one key only", sameHash},
	{"a replaced secret leads to the key, the old one nowhere", rotate},
	{"no hash is in the history or the feed", secretsStaySecret},
	{"a grant is found by app and API, whatever its state", grants},
}

func keyLife(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	ctx := t.Context()
	got, err := w.table.Credential(ctx, "hash-1")
	if err != nil || got.Key != "k1" || got.App != "shop" || got.Revoked != nil || got.Admin != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	key, err := w.keys.Get(ctx, catalog.KeyRef("shop", "k1"))
	must(t, err, "get")
	if !slices.Contains(key.Touches(), catalog.CredentialRef("hash-1")) {
		t.Errorf("a key that was read touches %v", key.Touches())
	}
	revoked := key
	revoked.Revoked, revoked.Hash = &noon, "" // a caller that decoded a request has no hash
	must(t, w.keys.Replace(ctx, by("key.revoke"), key, &revoked), "revoke")
	if revoked.Hash != "hash-1" {
		t.Errorf("the hash became %q", revoked.Hash)
	}
	if got, err := w.table.Credential(ctx, "hash-1"); err != nil || got.Revoked == nil || !got.Revoked.Equal(noon) {
		t.Errorf("after its revocation: %+v, %v", got, err)
	}
	page, err := w.keys.List(ctx, catalog.Query{Parent: &catalog.Ref{Kind: catalog.KindApp, ID: "shop"}})
	if err != nil || len(page.Items) != 1 || page.Items[0].Hash != "hash-1" {
		t.Errorf("listed %+v, %v", page.Items, err)
	}
	must(t, w.keys.Delete(ctx, by("key.delete"), &page.Items[0]), "delete")
	_, err = w.table.Credential(ctx, "hash-1")
	want(t, problem.NotFound, err, "the credential of a deleted key")
}

func adminKeyLife(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	key := catalog.AdminKey{ID: "a1", Name: "Ann", Role: catalog.RoleTeamMember, Team: "pay", Hash: "hash-a"}
	must(t, w.adminKeys.Create(t.Context(), by("admin-key.issue"), &key), "create")
	got, err := w.table.Credential(t.Context(), "hash-a")
	ann := catalog.Actor{ID: "a1", Name: "Ann", Role: catalog.RoleTeamMember, Team: "pay"}
	if err != nil || got.Admin == nil || *got.Admin != ann {
		t.Errorf("%+v, %v", got, err)
	}
	read, err := w.adminKeys.Get(t.Context(), key.Ref())
	if diff := cmp.Diff(key, read); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func sameHash(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	err := w.keys.Create(t.Context(), by("key.issue"), &catalog.Key{ID: "k2", App: "shop", Hash: "hash-1"})
	want(t, problem.Conflict, err, "a second key with the hash")
	_, err = w.keys.Get(t.Context(), catalog.KeyRef("shop", "k2"))
	want(t, problem.NotFound, err, "the refused key")
}

func rotate(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	key, err := w.keys.Get(t.Context(), catalog.KeyRef("shop", "k1"))
	must(t, err, "get")
	fresh := key
	fresh.Hash = "hash-2"
	must(t, w.keys.Replace(t.Context(), by("key.replace"), key, &fresh), "replace")
	_, err = w.table.Credential(t.Context(), "hash-1")
	want(t, problem.NotFound, err, "the old hash")
	if got, err := w.table.Credential(t.Context(), "hash-2"); err != nil || got.Key != "k1" {
		t.Errorf("the new hash: %+v, %v", got, err)
	}
	entries, err := w.table.Since(t.Context(), w.head(t)-1)
	must(t, err, "since")
	for _, hash := range []string{"hash-1", "hash-2"} {
		if !slices.Contains(entries[0].Touches, catalog.CredentialRef(hash)) {
			t.Errorf("the feed does not touch %s: %v", hash, entries[0].Touches)
		}
	}
}

func secretsStaySecret(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	key, err := w.keys.Get(t.Context(), catalog.KeyRef("shop", "k1"))
	must(t, err, "get")
	must(t, w.keys.Delete(t.Context(), by("key.delete"), &key), "delete")
	for _, i := range b.scan(t) {
		if strings.HasPrefix(text(i, "pk"), "audit") && strings.Contains(fmt.Sprint(i), "hash-1") {
			t.Errorf("the history holds the hash: %v", i)
		}
	}
}

func grants(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	sub, err := w.table.Grant(t.Context(), "shop", "orders")
	if err != nil || sub.ID != "s1" || sub.State != catalog.Active || sub.Rev != 1 {
		t.Fatalf("%+v, %v", sub, err)
	}
	ended := sub
	ended.State = catalog.Ended
	must(t, w.subscriptions.Replace(t.Context(), by("subscription.end"), sub, &ended), "end")
	if got, err := w.table.Grant(t.Context(), "shop", "orders"); err != nil || got.State != catalog.Ended {
		t.Errorf("after its end: %+v, %v", got, err)
	}
	must(t, w.subscriptions.Delete(t.Context(), by("subscription.delete"), &ended), "delete")
	_, err = w.table.Grant(t.Context(), "shop", "orders")
	want(t, problem.NotFound, err, "after its deletion")
}
