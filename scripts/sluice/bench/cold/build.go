package cold

import (
	"context"
	_ "embed" // hello
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed hello.go.txt
var hello []byte

// build builds hello as functions are built, and gives its path. It needs the Go tool and the modules of the repository.
func build(ctx context.Context, root, folder string) (string, error) {
	source, binary := filepath.Join(folder, "hello.go"), filepath.Join(folder, "bootstrap")
	if err := os.WriteFile(source, hello, 0o600); err != nil {
		return "", fmt.Errorf("write the hello-world function: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", binary, source)
	cmd.Dir = root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the hello-world function: %w: %s", err, out)
	}
	return binary, nil
}
