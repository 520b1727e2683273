package store_test

import (
	"errors"
	"fmt"
	"strings"
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
		counted := number(b.stored(t, "team#"+parent, "self"), "children")
		if err != nil || len(page.Items) != children || counted != fmt.Sprint(children) {
			t.Errorf("below %s: %+v, %v; %s counted", parent, page.Items, err, counted)
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
	for _, i := range b.scan(t) {
		pk := text(i, "pk")
		if pk != "feed" && pk != "audit" && !strings.HasPrefix(pk, "audit#") {
			left = append(left, pk)
		}
	}
	if len(left) != 0 || w.head(t) != 16 {
		t.Errorf("left behind: %v; head %d", left, w.head(t))
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
		for n, err := range []error{
			teamErr, apiErr, versionErr, appErr, consumerErr, planErr, grantErr, strangerErr, credentialErr, chunkErr,
		} {
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
	huge := catalog.Team{ID: "pay", Name: strings.Repeat("x", 500<<10)}
	want(t, problem.TooLarge, w.teams.Create(t.Context(), by("team.create"), &huge), "create")
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
