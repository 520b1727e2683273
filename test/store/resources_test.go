package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

var resources = []guarantee{
	{"what was created is read back, stamped and with revision 1", readBack},
	{"a second create of an id is a conflict and changes nothing", createTwice},
	{"a create below a parent that is not there is unprocessable, says which, and leaves nothing", createOrphan},
	{"two children cannot share a name below a parent", shareName},
	{"of concurrent creates of one id exactly one wins", createRace},
	{"a replace needs the revision that is stored", replaceStale},
	{"of 64 concurrent replaces of one revision exactly one wins", replaceRace},
	{"a replace hangs a child on its new parent and off its old one", replaceMoves},
	{"a replace keeps attributes that this code does not know", keepsUnknown},
	{"an item of older code is read", oldItem},
	{"a resource keeps its name", replaceRenames},
	{"a delete needs the revision that is stored", deleteStale},
	{"a parent cannot be deleted while a child hangs below it", deleteParent},
	{"a delete removes every trace but the history", deleteTraces},
	{"a parent's deletion and a child's creation never make an orphan", orphanRace},
	{"children that come and go at once are counted exactly", countRace},
	{"what is not there is not found, however odd its name", notThere},
	{"what cannot be kept is refused before anything is written", tooMuch},
	{"a change without a time is a fault of ours", noTime},
}

func readBack(t *testing.T, b bench) {
	w := on(b.open(t))
	made := catalog.Team{ID: "pay", Name: "Zahlungen é", Contacts: []catalog.Contact{{Kind: "email", Value: "a@b.example"}}}
	must(t, w.teams.Create(t.Context(), by("team.create"), &made), "create")
	if !made.Created.Equal(noon) || !made.Updated.Equal(noon) || made.Rev != 1 {
		t.Errorf("stamped %+v", made.Meta)
	}
	got, err := w.teams.Get(t.Context(), team("pay"))
	must(t, err, "get")
	if diff := cmp.Diff(made, got); diff != "" {
		t.Error(diff)
	}
	made.Name = "Payments"
	must(t, w.teams.Replace(t.Context(), by("team.update"), got, &made), "replace")
	again, err := w.teams.Get(t.Context(), team("pay"))
	must(t, err, "get again")
	if diff := cmp.Diff(made, again); diff != "" || again.Rev != 2 {
		t.Errorf("revision %d\n%s", again.Rev, diff)
	}
}

func createTwice(t *testing.T, b bench) {
	w := on(b.open(t))
	first := &catalog.Team{ID: "pay", Name: "First"}
	must(t, w.teams.Create(t.Context(), by("team.create"), first), "create")
	second := catalog.Team{ID: "pay", Name: "Second"}
	want(t, problem.Conflict, w.teams.Create(t.Context(), by("team.create"), &second), "create again")
	if second.Rev != 0 {
		t.Error("a refused create stamped its resource")
	}
	got, err := w.teams.Get(t.Context(), team("pay"))
	if err != nil || got.Name != "First" || w.head(t) != 1 {
		t.Errorf("there is %+v, %v; head %d", got, err, w.head(t))
	}
}

func createOrphan(t *testing.T, b bench) {
	w := on(b.open(t))
	err := w.apis.Create(t.Context(), by("api.create"), &catalog.API{ID: "orders", Team: "nobody"})
	want(t, problem.Unprocessable, err, "create")
	var told *problem.Error
	if !errors.As(err, &told) || len(told.Faults) != 1 || told.Faults[0].Pointer != "/team" {
		t.Errorf("the fault is %+v", told)
	}
	if left := b.everything(t); left != "[]" {
		t.Errorf("left behind: %s", left)
	}
}

func shareName(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	before := b.everything(t)
	want(t, problem.Conflict, w.subscriptions.Create(t.Context(), by("subscription.create"),
		&catalog.Subscription{ID: "s2", App: "shop", API: "orders", Plan: "gold"}), "subscribe again")
	if b.everything(t) != before {
		t.Error("the refused subscription left something")
	}
}

func createRace(t *testing.T, b bench) {
	const contenders = 16
	errs := make([]error, contenders)
	var all sync.WaitGroup
	tables := []world{on(b.open(t)), on(b.open(t)), on(b.open(t)), on(b.open(t))}
	for n := range contenders {
		all.Go(func() {
			errs[n] = tables[n%4].teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay", Name: fmt.Sprint(n)})
		})
	}
	all.Wait()
	winner := exactlyOne(t, errs, problem.Conflict)
	got, err := tables[0].teams.Get(t.Context(), team("pay"))
	if err != nil || got.Name != fmt.Sprint(winner) || tables[0].head(t) != 1 {
		t.Errorf("the winner is %d, stored is %+v, %v; head %d", winner, got, err, tables[0].head(t))
	}
}

// exactlyOne fails unless one error is nil and all others are of the kind; it gives the one.
func exactlyOne(t *testing.T, errs []error, kind problem.Kind) (winner int) {
	t.Helper()
	winners := 0
	for n, err := range errs {
		switch {
		case err == nil:
			winners, winner = winners+1, n
		case !problem.Is(err, kind):
			t.Errorf("contender %d: %v", n, err)
		}
	}
	if winners != 1 {
		t.Fatalf("%d winners", winners)
	}
	return winner
}

func replaceStale(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay", Name: "First"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	second := first
	second.Name = "Second"
	must(t, w.teams.Replace(t.Context(), by("team.update"), first, &second), "replace")
	third := first
	third.Name = "Third"
	want(t, problem.PreconditionFailed, w.teams.Replace(t.Context(), by("team.update"), first, &third), "replace the old revision")
	must(t, w.teams.Delete(t.Context(), by("team.delete"), &second), "delete")
	want(t, problem.PreconditionFailed, w.teams.Replace(t.Context(), by("team.update"), second, &third), "replace what is gone")
	if w.head(t) != 3 {
		t.Errorf("head %d after three changes", w.head(t))
	}
}

func replaceRace(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay", Name: "First"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	const contenders = 64
	errs := make([]error, contenders)
	var all sync.WaitGroup
	tables := []world{w, on(b.open(t)), on(b.open(t)), on(b.open(t))}
	for n := range contenders {
		all.Go(func() {
			mine := first
			mine.Name = fmt.Sprint(n)
			errs[n] = tables[n%4].teams.Replace(t.Context(), by("team.update"), first, &mine)
		})
	}
	all.Wait()
	winner := exactlyOne(t, errs, problem.PreconditionFailed)
	got, err := w.teams.Get(t.Context(), team("pay"))
	if err != nil || got.Name != fmt.Sprint(winner) || got.Rev != 2 {
		t.Errorf("the winner is %d, stored is %+v, %v", winner, got, err)
	}
}

func replaceMoves(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "ops"}), "create team")
	api, err := w.table.API(t.Context(), "orders")
	must(t, err, "get")
	moved := api
	moved.Team = "ops"
	must(t, w.apis.Replace(t.Context(), by("api.update"), api, &moved), "move")
	for parent, children := range map[string]int{"pay": 0, "ops": 1} {
		ref := team(parent)
		page, err := w.apis.List(t.Context(), catalog.Query{Parent: &ref})
		if err != nil || len(page.Items) != children || number(b.stored(t, "team#"+parent, "self"), "children") != fmt.Sprint(children) {
			t.Errorf("below %s: %+v, %v; %v", parent, page.Items, err, b.stored(t, "team#"+parent, "self"))
		}
	}
	lost := moved
	lost.Team = "nobody"
	want(t, problem.Unprocessable, w.apis.Replace(t.Context(), by("api.update"), moved, &lost), "move to nobody")
}

func keepsUnknown(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	b.raw(t, "UpdateItem", map[string]any{"Key": rawKey("team#pay", "self"), "UpdateExpression": "SET newer = :n",
		"ExpressionAttributeValues": map[string]any{":n": map[string]any{"M": map[string]any{"x": map[string]any{"BOOL": true}}}}})
	before, err := w.teams.Get(t.Context(), team("pay"))
	must(t, err, "get")
	after := before
	after.Name = "Other"
	must(t, w.teams.Replace(t.Context(), by("team.update"), before, &after), "replace")
	if i := b.stored(t, "team#pay", "self"); i["newer"] == nil || number(i, "children") != "1" {
		t.Errorf("the item is %v", i)
	}
}

// oldItem is stored by hand as the first release stored it, and may never be edited: what was written must stay readable.
func oldItem(t *testing.T, b bench) {
	old := rawKey("key#shop/k1", "self")
	old["doc"] = map[string]any{"S": `{"created":"2026-11-23T12:00:00Z","updated":"2026-11-23T12:00:00Z","id":"k1","app":"shop",` +
		`"prefix":"slk_1234","withdrawn":{"since":"release 7"}}`}
	old["rev"] = map[string]any{"N": "9007199254740993"} // no float holds it
	old["digest"] = map[string]any{"S": "hash-1"}
	old["later"] = map[string]any{"L": []any{}}
	b.raw(t, "PutItem", map[string]any{"Item": old})
	got, err := on(b.open(t)).keys.Get(t.Context(), catalog.KeyRef("shop", "k1"))
	if err != nil || got.Rev != 9007199254740993 || got.Hash != "hash-1" || got.Prefix != "slk_1234" || got.Expires != nil {
		t.Errorf("read %+v, %v", got, err)
	}
}

func replaceRenames(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	other := first
	other.ID = "ops"
	plain(t, w.teams.Replace(t.Context(), by("team.update"), first, &other), "rename")
}

func deleteStale(t *testing.T, b bench) {
	w := on(b.open(t))
	first := catalog.Team{ID: "pay"}
	must(t, w.teams.Create(t.Context(), by("team.create"), &first), "create")
	second := first
	must(t, w.teams.Replace(t.Context(), by("team.update"), first, &second), "replace")
	want(t, problem.PreconditionFailed, w.teams.Delete(t.Context(), by("team.delete"), &first), "delete the old revision")
	must(t, w.teams.Delete(t.Context(), by("team.delete"), &second), "delete")
	want(t, problem.PreconditionFailed, w.teams.Delete(t.Context(), by("team.delete"), &second), "delete again")
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create anew")
}

func deleteParent(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	parent, err := w.teams.Get(t.Context(), team("pay"))
	must(t, err, "get")
	before := b.everything(t)
	want(t, problem.Conflict, w.teams.Delete(t.Context(), by("team.delete"), &parent), "delete a parent")
	if b.everything(t) != before {
		t.Error("the refused delete changed something")
	}
}

func deleteTraces(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	ctx := t.Context()
	key, err := w.keys.Get(ctx, catalog.KeyRef("shop", "k1"))
	must(t, err, "get key")
	must(t, w.keys.Delete(ctx, by("key.delete"), &key), "delete key")
	sub, err := w.table.Grant(ctx, "shop", "orders")
	must(t, err, "grant")
	must(t, w.subscriptions.Delete(ctx, by("subscription.delete"), &sub), "delete subscription")
	app, err := w.table.App(ctx, "shop")
	must(t, err, "get app")
	must(t, w.apps.Delete(ctx, by("app.delete"), &app), "delete app")
	consumer, err := w.table.Consumer(ctx, "acme")
	must(t, err, "get consumer")
	must(t, w.consumers.Delete(ctx, by("consumer.delete"), &consumer), "delete consumer")
	version, err := w.table.Version(ctx, "orders", "v1")
	must(t, err, "get version")
	must(t, w.versions.Delete(ctx, by("version.delete"), &version), "delete version")
	api, err := w.table.API(ctx, "orders")
	must(t, err, "get api")
	must(t, w.apis.Delete(ctx, by("api.delete"), &api), "delete api")
	plan, err := w.table.Plan(ctx, "gold")
	must(t, err, "get plan")
	must(t, w.plans.Delete(ctx, by("plan.delete"), &plan), "delete plan")
	pay, err := w.teams.Get(ctx, team("pay"))
	must(t, err, "get team")
	must(t, w.teams.Delete(ctx, by("team.delete"), &pay), "delete team")

	var left []string
	for _, i := range b.raw(t, "Scan", map[string]any{})["Items"].([]any) {
		pk := i.(map[string]any)["pk"].(map[string]any)["S"].(string)
		if pk != "feed" && pk != "audit" && !strings.HasPrefix(pk, "audit#") {
			left = append(left, pk)
		}
	}
	if len(left) != 0 || w.head(t) != 16 {
		t.Errorf("left behind: %v; head %d", left, w.head(t))
	}
}

func orphanRace(t *testing.T, b bench) {
	one, other := on(b.open(t)), on(b.open(t))
	for n := range 8 {
		parent := newTeam(n)
		must(t, one.teams.Create(t.Context(), by("team.create"), parent), "create")
		var all sync.WaitGroup
		var deleted, created error
		all.Go(func() { deleted = one.teams.Delete(t.Context(), by("team.delete"), parent) })
		all.Go(func() {
			created = other.apis.Create(t.Context(), by("api.create"), &catalog.API{ID: catalog.APIID(parent.ID), Team: parent.ID})
		})
		all.Wait()
		_, parentErr := one.teams.Get(t.Context(), team(string(parent.ID)))
		_, childErr := one.table.API(t.Context(), catalog.APIID(parent.ID))
		switch {
		case deleted == nil && problem.Is(created, problem.Unprocessable):
			want(t, problem.NotFound, parentErr, "the deleted parent")
			want(t, problem.NotFound, childErr, "the refused child")
		case created == nil && problem.Is(deleted, problem.Conflict):
			must(t, parentErr, "the kept parent")
			must(t, childErr, "the created child")
		default:
			t.Fatalf("delete: %v, create: %v", deleted, created)
		}
	}
}

func countRace(t *testing.T, b bench) {
	w := on(b.open(t))
	must(t, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay"}), "create")
	tables := []world{w, on(b.open(t)), on(b.open(t))}
	var kept atomic.Int64
	var all sync.WaitGroup
	for n, w := range tables {
		all.Go(func() {
			for i := range 6 {
				api := &catalog.API{ID: catalog.APIID(fmt.Sprintf("api-%d-%d", n, i)), Team: "pay"}
				if err := w.apis.Create(t.Context(), by("api.create"), api); err != nil {
					t.Error(err)
				} else if i%2 == 0 {
					kept.Add(1)
				} else if err := w.apis.Delete(t.Context(), by("api.delete"), api); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := number(b.stored(t, "team#pay", "self"), "children"); got != fmt.Sprint(kept.Load()) || got != "9" {
		t.Errorf("%s children are counted, %d are there", got, kept.Load())
	}
}

func notThere(t *testing.T, b bench) {
	w := on(b.open(t))
	w.fill(t)
	ctx := t.Context()
	for _, id := range []string{"", "nobody", "pay#self", "../pay", "\x00", "\xff\xfe", strings.Repeat("x", 3000)} {
		_, teamErr := w.teams.Get(ctx, team(id))
		_, apiErr := w.table.API(ctx, catalog.APIID(id))
		_, versionErr := w.table.Version(ctx, "orders", catalog.VersionID(id))
		_, appErr := w.table.App(ctx, catalog.AppID(id))
		_, consumerErr := w.table.Consumer(ctx, catalog.ConsumerID(id))
		_, planErr := w.table.Plan(ctx, catalog.PlanID(id))
		_, grantErr := w.table.Grant(ctx, "shop", catalog.APIID(id))
		_, strangerErr := w.table.Grant(ctx, catalog.AppID(id), "orders")
		_, credentialErr := w.table.Credential(ctx, id)
		_, chunkErr := w.table.RevisionChunk(ctx, "orders", "v1", "r", id)
		for n, err := range []error{teamErr, apiErr, versionErr, appErr, consumerErr, planErr, grantErr, strangerErr, credentialErr, chunkErr} {
			want(t, problem.NotFound, err, fmt.Sprintf("read %d of %.20q", n, id))
		}
		ref := team(id)
		page, err := w.apis.List(ctx, catalog.Query{Parent: &ref})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("below %.20q: %v, %v", id, page, err)
		}
	}
}

func tooMuch(t *testing.T, b bench) {
	w := on(b.open(t))
	big := catalog.Team{ID: "pay", Name: strings.Repeat("x", 250<<10)}
	want(t, problem.TooLarge, w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: "pay", Name: strings.Repeat("x", 500<<10)}), "create")
	must(t, w.teams.Create(t.Context(), by("team.create"), &big), "create a big one")
	bigger := big
	bigger.Name += "x" // the history entry would hold both
	want(t, problem.TooLarge, w.teams.Replace(t.Context(), by("team.update"), big, &bigger), "replace")
	for _, id := range []string{"", strings.Repeat("x", 2000), "\xff"} {
		err := w.teams.Create(t.Context(), by("team.create"), &catalog.Team{ID: catalog.TeamID(id)})
		want(t, problem.Invalid, err, fmt.Sprintf("create %.20q", id))
	}
	if w.head(t) != 1 {
		t.Errorf("head %d", w.head(t))
	}
}

func noTime(t *testing.T, b bench) {
	w := on(b.open(t))
	plain(t, w.teams.Create(t.Context(), catalog.Write{Action: "team.create"}, &catalog.Team{ID: "pay"}), "create")
}

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
	for _, i := range b.raw(t, "Scan", map[string]any{})["Items"].([]any) {
		pk := i.(map[string]any)["pk"].(map[string]any)["S"].(string)
		if strings.HasPrefix(pk, "audit") && strings.Contains(fmt.Sprint(i), "hash-1") {
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
