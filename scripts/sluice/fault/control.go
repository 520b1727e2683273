package fault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FileName is the file in the data folder that says where a running drill is told its faults. Who can read it may.
const FileName = "drill-url"

const (
	maxControlBytes = 64 << 10
	controlWithin   = 10 * time.Second
)

// ErrNoDrill says that nothing in this data folder can be told.
var ErrNoDrill = errors.New("no local cloud with a drill runs on this data folder: start one with `sluice local --drill`, or with --fault")

// told is what the control address is sent.
type told struct {
	Faults []string `json:"faults"`
}

// Control opens an address on which the running drill can be told faults, and writes it into the folder. Its path is a secret,
// so that no web page can guess it.
func (d *Drill) Control(ctx context.Context, folder string) (*Stand, error) {
	path := "/" + rand.Text()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { d.answer(w) })
	mux.HandleFunc("DELETE "+path, func(w http.ResponseWriter, _ *http.Request) { d.Clear(); d.answer(w) })
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var in told
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBytes))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil {
			http.Error(w, "the faults cannot be read", http.StatusBadRequest)
			return
		}
		faults, err := ParseAll(in.Faults)
		if err == nil {
			err = d.Inject(faults...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		d.answer(w)
	})
	s, err := stand(ctx, mux, func(l net.Listener) net.Listener { return l })
	if err != nil {
		return nil, fmt.Errorf("open the drill's control address: %w", err)
	}
	s.url += path
	file := filepath.Join(folder, FileName)
	s.forget = func() { _ = os.Remove(file) } // the next one overwrites it
	if err := os.WriteFile(file, []byte(s.url+"\n"), 0o600); err != nil {
		s.Close()
		return nil, fmt.Errorf("write the drill's control address: %w", err)
	}
	return s, nil
}

func (d *Drill) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d.Status()) // a caller that is gone needs no answer
}

// Tell adds faults to the drill of the local cloud that uses the folder. With none it asks only. It gives how all faults stand.
func Tell(ctx context.Context, folder string, faults ...Fault) ([]Status, error) {
	if len(faults) == 0 {
		return control(ctx, folder, http.MethodGet, nil)
	}
	var t told
	for _, f := range faults {
		t.Faults = append(t.Faults, f.String())
	}
	body, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("write the faults: %w", err)
	}
	return control(ctx, folder, http.MethodPost, body)
}

// Clear ends all faults of the drill of the local cloud that uses the folder.
func Clear(ctx context.Context, folder string) ([]Status, error) {
	return control(ctx, folder, http.MethodDelete, nil)
}

func control(ctx context.Context, folder, method string, body []byte) (all []Status, err error) {
	address, err := os.ReadFile(filepath.Join(folder, FileName)) // #nosec G304 -- the user's own data folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (%s)", ErrNoDrill, folder)
	}
	if err != nil {
		return nil, fmt.Errorf("read the drill's control address: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, controlWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSpace(string(address)), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the drill's control address: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w (%s: %w)", ErrNoDrill, folder, err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxControlBytes))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the drill's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the drill refuses: %s: %s", res.Status, bytes.TrimSpace(answer))
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return nil, fmt.Errorf("read the drill's answer: %w", err)
	}
	return all, nil
}
