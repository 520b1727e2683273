package bench

import (
	"context"
	"regexp"
	"testing"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/local"
	"sluice/shared/credential"
)

// WarmCalls drives a gateway that runs in this very process, so that a profile shows it.
func WarmCalls(b *testing.B, root string) {
	const admin = "sla_a-key-for-a-benchmark-on-loopback-0000"
	server, up, err := listen(b.Context(), upstream())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	out := &said{changed: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	defer func() { stop(); <-ended }()
	go func() {
		defer close(ended)
		ended <- local.Run(ctx, local.Options{Root: root, GatewayAddr: "127.0.0.1:0", ManagementAddr: "127.0.0.1:0", DataDir: b.TempDir(),
			AdminKey: admin, InProcess: true, Scale: local.Scale{Instances: 1, MaxInstances: 8}}, out)
	}()
	ready := regexp.MustCompile(`(?ms)^gateway +http://([^/\s]+)/.*^management +http://([^/\s]+)/.*^ready$`)
	var m [][]byte
	for m == nil {
		select {
		case <-out.changed:
			m = ready.FindSubmatch(out.text())
		case err := <-ended:
			b.Fatal(err)
		case <-time.After(partLimit):
			b.Fatalf("not ready: %s", out.text())
		}
	}
	secret, _, err := credential.Parse(admin)
	if err != nil {
		b.Fatal(err)
	}
	g := gateway{part{urls: []string{string(m[1]), string(m[2])}}, secret}
	key, _, err := furnish(b.Context(), g, "http://"+up)
	if err != nil {
		b.Fatal(err)
	}
	target := load.Get(g.address(), prefix+path, key)
	if _, err := load.Run(b.Context(), target, 32, 200); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	b.ReportAllocs()
	r, err := load.Run(b.Context(), target, 32, b.N)
	b.StopTimer()
	if err != nil || r.Failures > 0 {
		b.Fatalf("%v; %d of %d failed: %s", err, r.Failures, r.Requests, r.First)
	}
}
