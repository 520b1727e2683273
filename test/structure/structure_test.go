package structure_test

import (
	"os"
	"path/filepath"
	"testing"

	"sluice/test/structure"
)

func TestTheTreeKeepsItsRules(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	faults, err := structure.Check(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}
