package local_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/scripts/sluice/local"
)

func TestWhatCannotRunSaysWhy(t *testing.T) {
	taken := start(t, repository(t))
	for name, k := range map[string]struct {
		change func(root string, c *[]string)
		want   string
	}{
		"an address beyond loopback": {func(_ string, c *[]string) { *c = append(*c, "--gateway-addr", "0.0.0.0:0") }, "loopback"},
		"an address that is taken": {func(_ string, c *[]string) {
			*c = append(*c, "--gateway-addr", strings.TrimPrefix(taken.gateway, "http://"))
		}, "in use"},
		"data that somebody else uses": {func(_ string, c *[]string) { *c = append(*c, "--data-dir", filepath.Join(taken.root, "data")) }, "another local cloud"},
		"a function that is not built": {func(root string, _ *[]string) { _ = os.RemoveAll(filepath.Join(root, "bin", "functions", "proxy")) }, "proxy"},
		"a bad template": {func(root string, _ *[]string) {
			_ = os.WriteFile(filepath.Join(root, "template.yaml"), []byte("x"), 0o600)
		}, "template"},
		"no repository":                   {func(_ string, c *[]string) { *c = append(*c, "--root", "/nonexistent") }, "--root"},
		"instances out of bounds":         {func(_ string, c *[]string) { *c = append(*c, "--instances", "0") }, "--instances"},
		"in-process with instances":       {func(_ string, c *[]string) { *c = append(*c, "--in-process", "--instances", "2") }, "--in-process"},
		"a fault that is none":            {func(_ string, c *[]string) { *c = append(*c, "--fault", "store=up:1s") }, "the kind must be"},
		"an admin key of the wrong shape": {func(string, *[]string) { t.Setenv("SLUICE_ADMIN_KEY", "sla_short") }, "SLUICE_ADMIN_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			root := repository(t)
			args := []string{"--root", root, "--data-dir", filepath.Join(root, "data"), "--gateway-addr", "127.0.0.1:0", "--management-addr", "127.0.0.1:0"}
			k.change(root, &args)
			c := local.Command(os.LookupEnv)
			c.SetArgs(args)
			c.SetOut(io.Discard)
			c.SilenceErrors, c.SilenceUsage = true, true
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // one that runs after all ends, and says nothing
			defer cancel()
			if err := c.ExecuteContext(ctx); err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("it says %v, want %q", err, k.want)
			}
			if left := (&run{t: t, root: root}).children(); len(left) != 0 {
				t.Errorf("processes %v are left", left)
			}
			if err := os.Unsetenv("SLUICE_ADMIN_KEY"); err != nil {
				t.Error(err)
			}
		})
	}
}
