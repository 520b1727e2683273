package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sluice/scripts/sluice/client"
)

// paths is what the first visitors look at.
var paths = [6]string{"/orders?limit=5", "/products", "/orders/O-10007", "/orders?status=paid", "/products/P-200", "/orders/O-10042"}

// Visit makes the first calls, so that there is something to see, and gives their number. The free plan's are left for
// whoever tries it out.
func Visit(ctx context.Context, gateway string, keys Keys) (int, error) {
	calls := 0
	for _, app := range []string{apps[0].id, apps[0].id, apps[1].id} {
		for _, path := range paths {
			if err := visit(ctx, gateway+"/orders/v1"+path, keys[app].Key); err != nil {
				return calls, fmt.Errorf("call the demo's API: %w", err)
			}
			calls++
		}
	}
	return calls, nil
}

func visit(ctx context.Context, url, key string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Api-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", url, res.Status, body)
	}
	return nil
}

// Counted waits until the usage of the demo's API shows at least so many calls; false if the context ends first.
func Counted(ctx context.Context, c *client.Client, calls int) (bool, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var usage struct{ Points []struct{ Calls int } }
		if _, err := c.Call(ctx, http.MethodGet, "/usage?api=orders&step=hour", "", nil, &usage); err != nil {
			if ctx.Err() != nil {
				return false, nil
			}
			return false, err
		}
		total := 0
		for _, p := range usage.Points {
			total += p.Calls
		}
		if total >= calls {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-tick.C:
		}
	}
}
