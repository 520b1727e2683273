package schema_test

import (
	"context"
	"sync"
	"testing"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
)

func TestAContractIsLoadedAndUsedByManyAtOnce(t *testing.T) {
	made, err := compile.Source(t.Context(), []byte(everything), false)
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewContract(pages(made.Pool))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				op, err := c.Load(context.Background(), made.Operations[i%2].Page)
				if err != nil {
					t.Error(err)
					return
				}
				s := op.Schema(op.Description().Body.Contents[0].Schema)
				if got := s.Validate([]byte(`{"kind":"x","x-1":1,"list":[true]}`), schema.Options{Marks: op.NewMarks()}); !got.OK() {
					t.Error(got.Faults)
				}
				if got := s.Validate([]byte(`{"kind":7}`), schema.Options{}); got.OK() {
					t.Error("a value that does not fit is accepted")
				}
			}
		})
	}
	all.Wait()
	if size := c.Size(); size == 0 || size > 1<<20 {
		t.Errorf("the shared pages take %d bytes", size)
	}
}
