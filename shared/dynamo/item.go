package dynamo

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is one item as DynamoDB knows it. What it has beyond what we read is left alone: a newer version may have put it.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func blob(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

// attributes gives the key as the client wants it.
func (k key) attributes() item { return item{attrPK: text(k.pk), attrSK: text(k.sk)} }

// at makes a whole item of a key and what it holds.
func (k key) with(content item) item {
	whole := k.attributes()
	maps.Copy(whole, content)
	return whole
}

// text is "" where the attribute is absent.
func (i item) text(name string) string {
	if s, ok := i[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// bytes is nil where the attribute is absent.
func (i item) bytes(name string) []byte {
	if b, ok := i[name].(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

// number is 0 where the attribute is absent, and exact: it never passes through a float.
func (i item) number(name string) (int64, error) {
	v, ok := i[name]
	if !ok {
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

// key tells where the item is.
func (i item) key() key { return key{i.text(attrPK), i.text(attrSK)} }

// String names the item in errors, without its content.
func (i item) String() string { return fmt.Sprintf("%q %q", i.text(attrPK), i.text(attrSK)) }

// decode reads the JSON document of an item.
func (i item) decode(to any) error {
	if err := json.Unmarshal([]byte(i.text(attrDoc)), to); err != nil {
		return fmt.Errorf("decode item %s: %w", i, err)
	}
	return nil
}

// expired reports whether the item is past its time; DynamoDB may still keep it for days.
func (i item) expired(now time.Time) bool {
	at, err := i.number(attrExpires)
	return err == nil && at != 0 && at <= now.Unix()
}

// size is what DynamoDB counts against its 400 KB, a little over rather than under.
func (i item) size() int {
	total := 100
	for _, name := range slices.Sorted(maps.Keys(i)) {
		total += len(name)
		switch v := i[name].(type) {
		case *types.AttributeValueMemberS:
			total += len(v.Value)
		case *types.AttributeValueMemberB:
			total += len(v.Value)
		default:
			total += 24
		}
	}
	return total
}

// document encodes a resource, credential or entry.
func document(v any) (types.AttributeValue, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return text(string(b)), nil
}
