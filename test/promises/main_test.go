package promises_test

import (
	"os"
	"testing"

	"sluice/test/engine"
)

// TestMain keeps the store engine over all tests: see engine.Table for which one it is.
func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }
