package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

const (
	maxPart  = 380 << 10 // bytes of a part: below DynamoDB's 400 KB with room for its names
	maxParts = 2000      // 740 MB: nobody's contract, somebody's mistake
)

// PutRevision stores the compiled chunks of a contract, before its version points to them: one that was not pointed to is
// never read, so a crash in between leaves only garbage. Chunks may have any size. A revision is named for its source, so
// putting it again stores the same; where a newer compiler makes other chunks of the same source, each is replaced whole,
// and a reader sees the old or the new one, never a mix: parts are named for the sum of the chunk they belong to.
// problem.TooLarge if a chunk is absurdly big, problem.Invalid if its name cannot be a key.
//
// Access: BatchWriteItem of the parts (25 at once), then of the chunks, 1 WCU per KB. The conditions are in the keys.
func (t *Table) PutRevision(
	ctx context.Context, api catalog.APIID, version catalog.VersionID, rev catalog.RevisionID, chunks map[string][]byte,
) error {
	var heads, parts []item
	for _, name := range slices.Sorted(maps.Keys(chunks)) {
		body, k := chunks[name], chunkKey(api, version, rev, name)
		if len(k.sk) > maxSK/2 || !k.possible() {
			return problem.New(problem.Invalid, "a chunk of a contract cannot have the name %.100q", name)
		}
		if len(body) > maxPart*maxParts {
			return problem.New(problem.TooLarge, "a chunk of the compiled contract has %d MB, more than the store keeps", len(body)>>20)
		}
		sum := sha256.Sum256(body)
		head := item{attrSum: text(hex.EncodeToString(sum[:])), attrSize: number(int64(len(body)))}
		if len(body) <= maxPart {
			head[attrBody] = blob(body)
		} else {
			split := slices.Collect(slices.Chunk(body, maxPart))
			head[attrParts] = number(int64(len(split)))
			for n, part := range split {
				parts = append(parts, partKey(k, head.text(attrSum), n).with(item{attrBody: blob(part)}))
			}
		}
		heads = append(heads, k.with(head))
	}
	if err := t.batchPut(ctx, "put revision", parts); err != nil {
		return err
	}
	return t.batchPut(ctx, "put revision", heads)
}

// RevisionChunk reads a chunk back; problem.NotFound if it is not there. What comes back is checked against its sum, and an
// error that is no problem.Error says that it is damaged.
//
// Access: one GetItem, strongly consistent, 1 RCU per 4 KB; a BatchGetItem too for chunks above 380 KB.
func (t *Table) RevisionChunk(
	ctx context.Context, api catalog.APIID, version catalog.VersionID, rev catalog.RevisionID, name string,
) ([]byte, error) {
	k := chunkKey(api, version, rev, name)
	head, err := t.get(ctx, "revision chunk", k)
	if err != nil {
		return nil, err
	}
	if head == nil {
		return nil, problem.New(problem.NotFound, "there is no such contract")
	}
	body := head.bytes(attrBody)
	count, err := head.number(attrParts)
	if err != nil {
		return nil, err
	}
	if count > 0 {
		if body, err = t.join(ctx, k, head, int(count)); err != nil {
			return nil, err
		}
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != head.text(attrSum) {
		return nil, fmt.Errorf("chunk %s is damaged: its sum is not what it should be", head)
	}
	return body, nil
}

// join reads the parts of a chunk.
func (t *Table) join(ctx context.Context, k key, head item, count int) ([]byte, error) {
	size, err := head.number(attrSize)
	if err != nil || count > maxParts || size < 0 || size > maxPart*maxParts {
		return nil, fmt.Errorf("chunk %s is damaged: %d parts, %d bytes", head, count, size)
	}
	keys := make([]key, count)
	for n := range keys {
		keys[n] = partKey(k, head.text(attrSum), n)
	}
	found, err := t.batchGet(ctx, "revision chunk", keys)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, size)
	for _, k := range keys {
		body = append(body, found[k].bytes(attrBody)...)
	}
	return body, nil
}
