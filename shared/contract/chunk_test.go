package contract_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/shared/contract"
)

// sample is an index of some size with scopes.
func sample(t testing.TB, n int) *contract.Index {
	t.Helper()
	needs := [][][]string{nil, {{"read"}}, {{"admin"}, {"read", "write"}}}
	var list []contract.Operation
	for i := range n {
		list = append(list, contract.Operation{ID: fmt.Sprintf("listThings%d", i), Method: "GET",
			Template: fmt.Sprintf("/v1/organizations/{org_id}/things%d/{thing_id}", i), Scopes: needs[i%len(needs)]})
	}
	ix, err := contract.NewIndex(list)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func encode(t testing.TB, ix *contract.Index) []byte {
	t.Helper()
	chunk, err := ix.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

func TestAnIndexComesBackFromItsChunk(t *testing.T) {
	for _, n := range []int{0, 1, 300, contract.MaxOperations} {
		ix := sample(t, n)
		got, err := contract.DecodeIndex(encode(t, ix))
		if err != nil {
			t.Fatalf("%d operations: %v", n, err)
		}
		if d := cmp.Diff(ix.Operations(), got.Operations(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%d operations: %s", n, d)
		}
		if !bytes.Equal(encode(t, ix), encode(t, got)) {
			t.Errorf("%d operations: encoded anew, the bytes differ", n)
		}
	}
}

func TestASourceComesBackByteForByte(t *testing.T) {
	for name, document := range map[string][]byte{
		"empty": {}, "text": []byte("openapi: 3.1.0\r\n\ttab\x00\xff"), "large": bytes.Repeat([]byte("0123456789"), 300_000),
	} {
		t.Run(name, func(t *testing.T) {
			chunk, err := contract.PackSource(document, "application/yaml")
			if err != nil {
				t.Fatal(err)
			}
			got, mediaType, err := contract.Source(chunk)
			if err != nil || mediaType != "application/yaml" || !bytes.Equal(got, document) {
				t.Errorf("got %d bytes of %q, %v", len(got), mediaType, err)
			}
		})
	}
}

func TestFindingsComeBack(t *testing.T) {
	want := []contract.Finding{{Rule: "unknown-field", Level: contract.Warning, Pointer: "/x", Message: "m", Fix: "f"}}
	chunk, err := contract.PackFindings(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := contract.DecodeFindings(chunk)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestADamagedChunkIsRefused(t *testing.T) {
	chunk := encode(t, sample(t, 5))
	for i := range chunk {
		for bit := range 8 {
			damaged := bytes.Clone(chunk)
			damaged[i] ^= 1 << bit
			if _, err := contract.DecodeIndex(damaged); err == nil {
				t.Fatalf("bit %d of byte %d turned: accepted", bit, i)
			}
		}
		if _, err := contract.DecodeIndex(chunk[:i]); !errors.Is(err, contract.ErrChunk) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
	if _, err := contract.DecodeIndex(append(bytes.Clone(chunk), 0)); err == nil {
		t.Fatal("with a byte more: accepted")
	}
}

func TestAChunkThatLiesIsRefused(t *testing.T) {
	tests := map[string][]byte{
		"it promises more operations than there are": {0, 200},
		"it promises an endless text":                {0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 127},
		"it names scopes that it does not have":      {0, 1, 1, 'a', 1, 'G', 2, '/', 'a', 0},
		"something follows the end":                  {0, 0, 0},
		"it is empty":                                {},
		"its path is none":                           {1, 0, 1, 1, 'a', 1, 'G', 1, 'a', 0},
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			chunk, err := contract.Pack(content, flate.BestSpeed)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := contract.DecodeIndex(chunk); err == nil {
				t.Error("accepted")
			}
		})
	}
	t.Run("it would inflate without measure", func(t *testing.T) {
		chunk, err := contract.Pack(make([]byte, 20<<20), flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := contract.Unpack(chunk); !errors.Is(err, contract.ErrChunk) {
			t.Errorf("%v", err)
		}
	})
	t.Run("findings that are none", func(t *testing.T) {
		chunk, err := contract.Pack([]byte("{"), flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := contract.DecodeFindings(chunk); !errors.Is(err, contract.ErrChunk) {
			t.Errorf("%v", err)
		}
	})
}

func TestAlternatives(t *testing.T) {
	tests := map[string]struct{ in, want [][]string }{
		"none needed stays none":                        {nil, nil},
		"an alternative that needs nothing ends it":     {[][]string{{"a"}, {}}, nil},
		"scopes are sorted and written once":            {[][]string{{"b", "a", "b"}}, [][]string{{"a", "b"}}},
		"an alternative that asks for more is left out": {[][]string{{"a", "b"}, {"a"}}, [][]string{{"a"}}},
		"the same alternative is written once":          {[][]string{{"a", "b"}, {"b", "a"}}, [][]string{{"a", "b"}}},
		"alternatives that differ stay":                 {[][]string{{"b", "c"}, {"a"}}, [][]string{{"a"}, {"b", "c"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, contract.Alternatives(tt.in)); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzDecodeIndex(f *testing.F) {
	f.Add([]byte{}, true)
	f.Add([]byte{1, 0, 1, 1, 'a', 3, 'G', 'E', 'T', 2, '/', 'a', 0}, true)
	f.Add(encode(f, sample(f, 3)), false)
	f.Fuzz(func(t *testing.T, data []byte, content bool) {
		decode := contract.DecodeIndex
		if content {
			decode = contract.DecodeContent
		}
		ix, err := decode(data)
		if err != nil {
			return
		}
		again, err := contract.DecodeIndex(encode(t, ix))
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if d := cmp.Diff(ix.Operations(), again.Operations()); d != "" {
			t.Error(d)
		}
		for _, op := range ix.Operations() {
			ix.Match(op.Method, strings.Split(op.Template, "/"))
		}
	})
}

func BenchmarkDecodeIndex(b *testing.B) {
	chunk := encode(b, sample(b, 288))
	b.ReportMetric(float64(len(chunk)), "chunk-bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := contract.DecodeIndex(chunk); err != nil {
			b.Fatal(err)
		}
	}
}
