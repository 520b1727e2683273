package items

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"sluice/shared/problem"
)

// Large is a value of any size, kept in one item, or in one item and its parts.
type Large struct {
	Key  Key
	Body []byte
}

// The attributes of a large value.
const (
	largeBody  = "body"   // of a part, or of the item where there are no parts
	largeSum   = "sum"    // hex SHA-256 of the whole
	largeParts = "parts"  // how many; absent where body is in the item
	largeSize  = "size_b" // bytes of the whole
)

const (
	maxPart  = 380 << 10 // bytes; the rest of an item's 400 KB is for names
	maxParts = 2000      // 740 MB: nobody's document, somebody's mistake
)

// PutLarge writes values, all parts before the items that lead to them; part names the n-th part of one. The sum of the whole
// belongs in that name, so that two writers' parts never mix, a reader sees the old value or the new one, and a crash leaves
// only garbage behind. problem.Invalid if a name cannot be a key, problem.TooLarge if a value is absurdly big.
func (t *Table) PutLarge(ctx context.Context, op string, values []Large, part func(of Key, sum string, n int) Key) error {
	var heads, parts []Item
	for _, v := range values {
		if len(v.Body) > maxPart*maxParts {
			return problem.New(problem.TooLarge, "what is to be kept has %d MB, more than the store takes", len(v.Body)>>20)
		}
		sum := sha256.Sum256(v.Body)
		name := hex.EncodeToString(sum[:])
		if !v.Key.Possible() || !part(v.Key, name, maxParts).Possible() {
			return problem.New(problem.Invalid, "a name is too long, or not text")
		}
		head := Item{largeSum: Text(name), largeSize: Number(int64(len(v.Body)))}
		if len(v.Body) <= maxPart {
			head[largeBody] = Blob(v.Body)
		} else {
			split := slices.Collect(slices.Chunk(v.Body, maxPart))
			head[largeParts] = Number(int64(len(split)))
			for n, b := range split {
				parts = append(parts, part(v.Key, name, n).With(Item{largeBody: Blob(b)}))
			}
		}
		heads = append(heads, v.Key.With(head))
	}
	if err := t.BatchPut(ctx, op, parts); err != nil {
		return err
	}
	return t.BatchPut(ctx, op, heads)
}

// GetLarge reads a value back, checked against its sum. found is false where nothing is there. An error that is no
// problem.Error says that it is damaged.
func (t *Table) GetLarge(
	ctx context.Context, op string, k Key, part func(of Key, sum string, n int) Key,
) (body []byte, found bool, err error) {
	head, err := t.Get(ctx, op, k)
	if err != nil || head == nil {
		return nil, false, err
	}
	body = head.Bytes(largeBody)
	count, err1 := head.Number(largeParts)
	size, err2 := head.Number(largeSize)
	if err1 != nil || err2 != nil || count < 0 || count > maxParts || size < 0 || size > maxPart*maxParts {
		return nil, false, fmt.Errorf("item %s is damaged: %d parts, %d bytes", head, count, size)
	}
	if count > 0 {
		keys := make([]Key, count)
		for n := range keys {
			keys[n] = part(k, head.Text(largeSum), n)
		}
		parts, err := t.BatchGet(ctx, op, keys)
		if err != nil {
			return nil, false, err
		}
		body = make([]byte, 0, size)
		for _, k := range keys {
			body = append(body, parts[k].Bytes(largeBody)...)
		}
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != head.Text(largeSum) {
		return nil, false, fmt.Errorf("item %s is damaged: its sum is not what it should be", head)
	}
	return body, true, nil
}
