package dynamo

import (
	"context"
	"maps"
	"slices"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

// PutRevision stores the compiled chunks of a contract, before its version points to them: one that was never pointed to is
// never read, so a crash in between leaves only garbage. Chunks may have any size. A revision is named for its source, so
// putting it again stores the same; where a newer compiler makes other chunks of the same source, each is replaced whole,
// and a reader sees the old or the new one, never a mix. problem.TooLarge if a chunk is absurdly big, problem.Invalid if its
// name cannot be a key.
//
// Access: BatchWriteItem of the parts (25 at once), then of the chunks, 1 WCU per KB. Content-addressed, so without condition.
func (t *Table) PutRevision(
	ctx context.Context, api catalog.APIID, version catalog.VersionID, rev catalog.RevisionID, chunks map[string][]byte,
) error {
	values := make([]items.Large, 0, len(chunks))
	for _, name := range slices.Sorted(maps.Keys(chunks)) {
		values = append(values, items.Large{Key: chunkKey(api, version, rev, name), Body: chunks[name]})
	}
	return t.items.PutLarge(ctx, "put revision", values, partKey)
}

// RevisionChunk reads a chunk back; problem.NotFound if it is not there. What comes back is checked against its sum, and an
// error that is no problem.Error says that it is damaged.
//
// Access: one GetItem, strongly consistent, 1 RCU per 4 KB; a BatchGetItem too for chunks above 380 KB.
func (t *Table) RevisionChunk(
	ctx context.Context, api catalog.APIID, version catalog.VersionID, rev catalog.RevisionID, name string,
) ([]byte, error) {
	body, found, err := t.items.GetLarge(ctx, "revision chunk", chunkKey(api, version, rev, name), partKey)
	if err == nil && !found {
		return nil, problem.New(problem.NotFound, "there is no such contract")
	}
	return body, err
}
