// Command sluice is the command line of the platform: the local cloud, the first admin key, the benchmark.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench"
	"sluice/scripts/sluice/bootstrap"
	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/local"
	"sluice/scripts/sluice/soak"
)

// The exit codes: done, refused or failed, called the wrong way.
const (
	exitDone = iota
	exitFailed
	exitUsage
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	begun := false // a command has understood how it was called
	root := &cobra.Command{
		Use: "sluice", Short: "An API management platform for your own cloud account",
		SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRun: func(*cobra.Command, []string) { begun = true },
	}
	root.AddCommand(local.Command(os.LookupEnv), bootstrap.Command(os.LookupEnv))
	root.AddCommand(fault.Command(os.LookupEnv), bench.Command(), soak.Command())
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	switch {
	case err == nil:
		return exitDone
	case begun:
		fmt.Fprintln(os.Stderr, "sluice:", err)
		return exitFailed
	}
	fmt.Fprintf(os.Stderr, "sluice: %v\nsee sluice --help\n", err)
	return exitUsage
}
