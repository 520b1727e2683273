// Command openapi writes the OpenAPI document of the Management API from the operations that the functions register:
//
//	go run ./scripts/openapi
package main

import (
	"fmt"
	"os"

	"sluice/scripts/openapi/write"
)

func main() {
	text, err := write.Document()
	if err == nil {
		err = os.WriteFile(write.Path, text, 0o644) // #nosec G306 -- a source file
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}
