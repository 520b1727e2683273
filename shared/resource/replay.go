package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

// ReplayFor is how long a repeated POST is answered from memory.
const ReplayFor = 24 * time.Hour

// MaxKey is how long an Idempotency-Key may be.
const MaxKey = 255

// readReplay prepares the memory of a POST with an Idempotency-Key. The memory is the sender's own: another admin's
// equal key is another key.
func (c *Call) readReplay(key string) error {
	bad := &problem.Error{Kind: problem.Invalid, Detail: "the Idempotency-Key cannot be used",
		Faults: []problem.Fault{{Pointer: "header:Idempotency-Key", Detail: "must have 1 to 255 visible ASCII characters"}}}
	if key == "" || len(key) > MaxKey {
		return bad
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return bad
		}
	}
	c.replay = &catalog.Replay{ID: key}
	return nil
}

// seal binds the memory to the sender, the path and the body, once they are known.
func (c *Call) seal(path string) {
	if c.replay == nil {
		return
	}
	c.replay.ID = digest(c.Actor.ID, c.op.Method, path, c.replay.ID)
	c.replay.Fingerprint = digest(c.MediaType, string(c.Raw))
	c.replay.Expires = c.api.Now().UTC().Add(ReplayFor)
}

// digest is a hash of parts that no two different lists of parts share.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// recall gives the answer to a POST that was done already; nil if it was not.
func (a *API) recall(ctx context.Context, c *Call) (*Reply, error) {
	if c.replay == nil {
		return nil, nil
	}
	known, err := a.Replays.Replayed(ctx, c.replay.ID)
	if err != nil || known == nil {
		return nil, err
	}
	if known.Fingerprint != c.replay.Fingerprint {
		return nil, problem.New(problem.KeyReused, "this Idempotency-Key came before with another body; use a new one")
	}
	return &Reply{Status: known.Status, ETag: known.ETag, Location: known.Location, Raw: known.Body, Media: JSON, replayed: true}, nil
}

// act runs the operation. Of several equal POSTs at the same time one does the work; the others find out when they come
// to write, and are then answered from the memory that the first one left.
func (a *API) act(ctx context.Context, c *Call) (*Reply, error) {
	reply, err := c.op.Handle(ctx, c)
	if c.replay == nil || (!problem.Is(err, problem.Conflict) && !problem.Is(err, problem.InFlight) && !problem.Is(err, problem.PreconditionFailed)) {
		return reply, err
	}
	known, recallErr := a.recall(ctx, c)
	if recallErr != nil {
		return nil, recallErr
	}
	if known == nil {
		return nil, err
	}
	return known, nil
}

// Remember makes the change that this call is about to make remember its answer, if the client asked for that with an
// Idempotency-Key. The answer must not contain a secret.
func (c *Call) Remember(r Reply) error {
	if c.replay == nil {
		return nil
	}
	body, err := encode(r.Body)
	if err != nil {
		return err
	}
	c.replay.Status, c.replay.ETag, c.replay.Location, c.replay.Body = r.Status, r.ETag, r.Location, body
	return nil
}
