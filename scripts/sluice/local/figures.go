package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"time"
)

// Figures is what this process says of itself. With --in-process all functions are in it.
type Figures struct {
	Goroutines       int    `json:"goroutines"`
	AllocatedObjects uint64 `json:"allocated_objects"` // since its start
	AllocatedBytes   uint64 `json:"allocated_bytes"`   // likewise
	LiveBytes        uint64 `json:"live_bytes"`        // in the heap after a collection that the question causes
}

// serveFigures tells the figures of this process on a loopback port.
func (c *cloud) serveFigures(ctx context.Context) error {
	if !c.Figures {
		return nil
	}
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open the address of the figures: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(figures()) // a caller that is gone needs no answer
	})}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.out.say("figures: %v", err)
		}
	}()
	c.after(func() { _ = server.Close() })
	c.out.line("figures      http://" + l.Addr().String())
	return nil
}

func figures() Figures {
	runtime.GC()
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return Figures{runtime.NumGoroutine(), samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}
