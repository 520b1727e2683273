package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ReadFigures asks a local cloud that runs with --figures, at the address that it printed.
func ReadFigures(ctx context.Context, url string) (f Figures, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return f, fmt.Errorf("ask for figures: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return f, fmt.Errorf("ask for figures: %w", err)
	}
	err = json.NewDecoder(res.Body).Decode(&f)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return f, fmt.Errorf("read the figures: %w", err)
	}
	return f, nil
}
