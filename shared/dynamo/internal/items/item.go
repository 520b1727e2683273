// Package items moves items in and out of one DynamoDB table: reads, pages, batches, conditional writes, transactions, and
// what is tried again. It knows the attributes of keys and of expiry, and nothing of the domain.
package items

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes that every item may have.
const (
	PK      = "pk"
	SK      = "sk"
	Expires = "expires_at" // TTL, seconds since the Unix epoch
)

// MaxBytes is the most that an item may hold, with room below DynamoDB's 400 KB.
const MaxBytes = 390 << 10

// DynamoDB's bounds of a key, in bytes. A name beyond them cannot be stored, so it is not there.
const (
	maxPK = 2048
	maxSK = 1024
)

// Key is where one item is.
type Key struct{ PK, SK string }

// Possible reports whether an item can have this key at all; a read of an impossible one needs no call.
func (k Key) Possible() bool {
	return k.PK != "" && k.SK != "" && len(k.PK) <= maxPK && len(k.SK) <= maxSK && utf8.ValidString(k.PK) && utf8.ValidString(k.SK)
}

func (k Key) attributes() Item { return Item{PK: Text(k.PK), SK: Text(k.SK)} }

// Span selects the items of one partition whose SK begins with Prefix.
type Span struct{ PK, Prefix string }

// Item is one item as DynamoDB has it. What it holds beyond what we read is left alone: a newer version may have put it.
type Item map[string]types.AttributeValue

// Text makes a string attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Number makes a number attribute; it never passes through a float.
func Number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// Blob makes a binary attribute. It may be empty, but the API does not take nil.
func Blob(b []byte) types.AttributeValue {
	if b == nil {
		b = []byte{}
	}
	return &types.AttributeValueMemberB{Value: b}
}

// Document makes a string attribute of the JSON of v.
func Document(v any) (types.AttributeValue, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return Text(string(b)), nil
}

// Text is "" where the attribute is absent.
func (i Item) Text(name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// Bytes is nil where the attribute is absent.
func (i Item) Bytes(name string) []byte {
	if b, ok := i[name].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

// Number is 0 where the attribute is absent. An error says that what is there is no whole number of 64 bits.
func (i Item) Number(name string) (int64, error) {
	v, there := i[name]
	if !there {
		return 0, nil
	}
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("attribute %s of item %s is not a number", name, i)
	}
	parsed, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute %s of item %s: %w", name, i, err)
	}
	return parsed, nil
}

// Numbers makes a map attribute of numbers.
func Numbers(all map[string]int64) types.AttributeValue {
	m := make(map[string]types.AttributeValue, len(all))
	for name, n := range all {
		m[name] = Number(n)
	}
	return &types.AttributeValueMemberM{Value: m}
}

// Numbers is nil where the attribute is absent. An error says that what is there is no map of whole numbers of 64 bits.
func (i Item) Numbers(name string) (map[string]int64, error) {
	v, there := i[name]
	if !there {
		return nil, nil
	}
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil, fmt.Errorf("attribute %s of item %s is not a map", name, i)
	}
	all := make(map[string]int64, len(m.Value))
	for key := range m.Value {
		n, err := Item(m.Value).Number(key)
		if err != nil {
			return nil, fmt.Errorf("attribute %s of item %s: %w", name, i, err)
		}
		all[key] = n
	}
	return all, nil
}

// Decode reads a JSON document back.
func (i Item) Decode(name string, to any) error {
	if err := json.Unmarshal([]byte(i.Text(name)), to); err != nil {
		return fmt.Errorf("decode item %s: %w", i, err)
	}
	return nil
}

// Key tells where the item is.
func (i Item) Key() Key { return Key{i.Text(PK), i.Text(SK)} }

// String names the item in errors, without its content.
func (i Item) String() string { return fmt.Sprintf("%q %q", i.Text(PK), i.Text(SK)) }

// Expired reports whether the item is past its time; DynamoDB may still keep it for days.
func (i Item) Expired(now time.Time) bool {
	at, err := i.Number(Expires)
	return err == nil && at != 0 && at <= now.Unix()
}

// overhead is added to each item by DynamoDB, though not to what a write is charged for.
const overhead = 100

// Size is what DynamoDB counts against its 400 KB, a little over rather than under.
func (i Item) Size() int {
	total := overhead
	for name, value := range i {
		total += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			total += len(v.Value)
		case *types.AttributeValueMemberB:
			total += len(v.Value)
		case *types.AttributeValueMemberN:
			total += (len(v.Value)+1)/2 + 2
		case *types.AttributeValueMemberM:
			total += Item(v.Value).Size() - overhead + 3
		default:
			total += 24
		}
	}
	return total
}

// With makes a whole item of a key and its content.
func (k Key) With(content Item) Item {
	whole := k.attributes()
	maps.Copy(whole, content)
	return whole
}
