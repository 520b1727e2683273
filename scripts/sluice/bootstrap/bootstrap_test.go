package bootstrap_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/scripts/sluice/bootstrap"
	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/test/engine"
)

const chosen = "sla_chosen-by-an-admin-0123456789"

func fixture(t *testing.T) (*dynamo.Table, bootstrap.Deps, string) {
	t.Helper()
	table, _ := engine.Table(t)
	return table, bootstrap.On(table), t.TempDir()
}

func ensure(t *testing.T, d bootstrap.Deps, folder, key string) credential.Secret {
	t.Helper()
	s, err := bootstrap.Ensure(t.Context(), d, folder, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// works says whether the table knows the secret as a platform admin's.
func works(t *testing.T, table *dynamo.Table, s credential.Secret) bool {
	t.Helper()
	c, err := table.Credential(t.Context(), s.Hash())
	if err != nil && !problem.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	return err == nil && c.Admin != nil && c.Admin.Role == catalog.RolePlatformAdmin && credential.Judge(c, time.Now()) == credential.Usable
}

func TestAKeyIsMintedOnceKeptForItsOwnerOnlyAndWorks(t *testing.T) {
	table, d, folder := fixture(t)
	first := ensure(t, d, folder, "")
	if !works(t, table, first) {
		t.Error("the minted key does not work")
	}
	file := filepath.Join(folder, bootstrap.FileName)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	kept, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(kept)) != first.Reveal() {
		t.Errorf("the file keeps another key, %v", err)
	}
	if !ensure(t, d, folder, "").Equal(first) {
		t.Error("a second start mints another key")
	}
	page, err := dynamo.NewResources[catalog.AdminKey](table).List(t.Context(), catalog.Query{Kind: catalog.KindAdminKey})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d admin keys, %v", len(page.Items), err)
	}
}

func TestAChosenKeyWorksAndLaterOnesDoToo(t *testing.T) {
	table, d, folder := fixture(t)
	minted := ensure(t, d, folder, "")
	first, second := ensure(t, d, folder, chosen), ensure(t, d, folder, chosen+"-2")
	for _, s := range []credential.Secret{minted, first, second} {
		if !works(t, table, s) {
			t.Errorf("a key that worked has stopped")
		}
	}
	if !ensure(t, d, folder, "").Equal(second) {
		t.Error("the file does not keep the key that was chosen last")
	}
}

func TestAKeptKeyIsMadeToWorkOnANewTable(t *testing.T) {
	_, d, folder := fixture(t)
	first := ensure(t, d, folder, "")
	other, _ := engine.Table(t)
	if !ensure(t, bootstrap.On(other), folder, "").Equal(first) || !works(t, other, first) {
		t.Error("the kept key does not work on a new table")
	}
}

func TestARevokedKeyIsNotBroughtBack(t *testing.T) {
	table, d, folder := fixture(t)
	s := ensure(t, d, folder, chosen)
	keys := dynamo.NewResources[catalog.AdminKey](table)
	page, err := keys.List(t.Context(), catalog.Query{Kind: catalog.KindAdminKey})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	now, before := time.Now(), page.Items[0]
	before.Hash = s.Hash()
	after := before
	after.Revoked = &now
	if err := keys.Replace(t.Context(), catalog.Write{Action: "admin-key.revoke", At: now}, before, &after); err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.Ensure(t.Context(), d, folder, chosen); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("it says %v", err)
	}
}

func TestWhatIsNoAdminKeyIsRefusedAndNothingIsKept(t *testing.T) {
	app, err := credential.Mint(rand.Reader, credential.KeyPrefix)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"too short": "sla_short", "no prefix": strings.Repeat("x", 40), "an app's key": app.Reveal(),
		"garbled": "sla_ with spaces and more than enough characters"} {
		t.Run(name, func(t *testing.T) {
			_, d, folder := fixture(t)
			_, err := bootstrap.Ensure(t.Context(), d, folder, key)
			if err == nil || !strings.Contains(err.Error(), "SLUICE_ADMIN_KEY") || strings.Contains(err.Error(), key) {
				t.Errorf("it says %v", err)
			}
			if _, err := os.Stat(filepath.Join(folder, bootstrap.FileName)); err == nil {
				t.Error("it is kept")
			}
		})
	}
	_, d, folder := fixture(t)
	if err := os.WriteFile(filepath.Join(folder, bootstrap.FileName), []byte("garbled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bootstrap.Ensure(t.Context(), d, folder, ""); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("a garbled file: it says %v", err)
	}
}

func TestManyAtOnceWithOneKeyAgree(t *testing.T) {
	table, d, _ := fixture(t)
	var all sync.WaitGroup
	for range 8 {
		folder := t.TempDir()
		all.Go(func() {
			if _, err := bootstrap.Ensure(t.Context(), d, folder, chosen); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	page, err := dynamo.NewResources[catalog.AdminKey](table).List(t.Context(), catalog.Query{Kind: catalog.KindAdminKey})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d admin keys, %v", len(page.Items), err)
	}
}
