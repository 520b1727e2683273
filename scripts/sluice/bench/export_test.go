package bench

import (
	"context"
	"testing"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/launch"
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
	out := &launch.Said{Changed: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	defer func() { stop(); <-ended }()
	go func() {
		defer close(ended)
		ended <- local.Run(ctx, local.Options{Root: root, GatewayAddr: "127.0.0.1:0", ManagementAddr: "127.0.0.1:0", DataDir: b.TempDir(),
			AdminKey: admin, InProcess: true, Scale: local.Scale{Instances: 1, MaxInstances: 8}}, out)
	}()
	var m [][]byte
	for m == nil {
		select {
		case <-out.Changed:
			m = launch.Ready().FindSubmatch(out.Text())
		case err := <-ended:
			b.Fatal(err)
		case <-time.After(time.Minute):
			b.Fatalf("not ready: %s", out.Text())
		}
	}
	secret, _, err := credential.Parse(admin)
	if err != nil {
		b.Fatal(err)
	}
	g := launch.Cloud{Part: launch.Part{Found: []string{"", string(m[2]), string(m[3])}}, Key: secret}
	key, _, err := furnish(b.Context(), g, "http://"+up)
	if err != nil {
		b.Fatal(err)
	}
	target := load.Get(g.Gateway(), prefix+path, key)
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
