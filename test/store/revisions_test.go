package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

var revisions = []guarantee{
	{"a chunk of any size comes back as it was", chunkSizes},
	{"putting a revision again changes nothing, a newer compiler's replaces it whole", chunkAgain},
	{"a revision of one version is not that of another", chunkApart},
	{"a damaged chunk is an error, never a wrong contract", chunkDamaged},
}

// noise makes bytes that nothing compresses.
func noise(n int) []byte {
	b := make([]byte, 0, n+sha256.Size)
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

func chunkSizes(t *testing.T, b bench) {
	table := b.open(t)
	chunks := map[string][]byte{"nil": nil}
	for _, n := range []int{0, 1, 380 << 10, 380<<10 + 1, 389 << 10, 390 << 10, 400 << 10, 5 << 20} {
		chunks[fmt.Sprint("size-", n)] = noise(n)
	}
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", chunks), "put")
	for name, chunk := range chunks {
		got, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", name)
		if err != nil || !bytes.Equal(got, chunk) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	err := table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{strings.Repeat("x", 2000): nil})
	want(t, problem.Invalid, err, "a chunk with an impossible name")
}

func chunkAgain(t *testing.T, b bench) {
	table := b.open(t)
	first := map[string][]byte{"index": noise(1 << 20), "source": []byte("s")}
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", first), "put")
	before := b.everything(t)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", first), "put again")
	if b.everything(t) != before {
		t.Error("the repetition changed something")
	}
	second := noise(1<<20 + 1)[1:]
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": second}), "put the newer")
	if got, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", "index"); err != nil || !bytes.Equal(got, second) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func chunkApart(t *testing.T, b bench) {
	table := b.open(t)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": []byte("x")}), "put")
	for _, at := range [][4]string{
		{"orders", "v2", "r1", "index"}, {"order", "v1", "r1", "index"}, {"orders", "v1", "r2", "index"}, {"orders", "v1", "r1", "inde"},
	} {
		_, err := table.RevisionChunk(t.Context(), catalog.APIID(at[0]), catalog.VersionID(at[1]), catalog.RevisionID(at[2]), at[3])
		want(t, problem.NotFound, err, fmt.Sprint(at))
	}
}

func chunkDamaged(t *testing.T, b bench) {
	table := b.open(t)
	big := noise(800 << 10)
	must(t, table.PutRevision(t.Context(), "orders", "v1", "r1", map[string][]byte{"index": big}), "put")
	b.sweep(t, "revision#orders/v1#r1", fmt.Sprintf("index#%x#0001", sha256.Sum256(big)))
	_, err := table.RevisionChunk(t.Context(), "orders", "v1", "r1", "index")
	plain(t, err, "read")
}
