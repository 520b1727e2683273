package local

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/fault"
	"sluice/shared/settings"
)

// Options is what `sluice local` can be told.
type Options struct {
	Root           string // the repository: template.yaml, scripts/tools
	GatewayAddr    string
	ManagementAddr string
	DataDir        string
	FunctionsDir   string
	AdminKey       string // "" keeps or mints one
	Demo           bool
	InProcess      bool
	Scale
	DynamoDBEndpoint string        // "" starts dynoxide
	ScheduleEvery    time.Duration // rates are at least this fast; 0 leaves them as the template says
	WithParent       bool
	Env              map[string]string // more variables for every function
	Experiment
}

// Experiment is what is to go wrong, and what is to be seen.
type Experiment struct {
	Drill   bool     // faults can be told while it runs
	Faults  []string // told as soon as it is ready; see fault.Parse
	Figures bool     // the process tells its Figures
}

// Scale is how many processes each function has.
type Scale struct {
	Instances    int  // kept ready
	MaxInstances int  // at once
	Freeze       bool // stop idle ones between calls
}

// Command is `sluice local`.
func Command(env settings.Env) *cobra.Command {
	or := func(name, standard string) string {
		if v, _ := env(name); v != "" {
			return v
		}
		return standard
	}
	o := Options{AdminKey: or("SLUICE_ADMIN_KEY", ""), Demo: or("SLUICE_DEMO", "on") != "off"}
	c := &cobra.Command{
		Use: "local", Short: "Run the whole platform on this machine",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Runs the real function binaries on this machine, behind two HTTP APIs on loopback, with a DynamoDB engine and demo data.

Environment: SLUICE_GATEWAY_ADDR, SLUICE_MANAGEMENT_ADDR, SLUICE_DATA_DIR (defaults of the flags), SLUICE_ADMIN_KEY
(the first admin key; else one is made and kept in the data folder), SLUICE_DEMO=off (start empty).

--fault makes the store or the upstreams fail, for a drill; --drill lets ` + "`sluice fault`" + ` do so while it runs.
` + fault.Help,
		RunE: func(c *cobra.Command, _ []string) error { return Run(c.Context(), o, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&o.GatewayAddr, "gateway-addr", or("SLUICE_GATEWAY_ADDR", "127.0.0.1:8080"), "where consumers call")
	f.StringVar(&o.ManagementAddr, "management-addr", or("SLUICE_MANAGEMENT_ADDR", "127.0.0.1:8081"), "where admins call, and the portal is")
	f.StringVar(&o.DataDir, "data-dir", or("SLUICE_DATA_DIR", ".sluice"), "data, logs and keys")
	f.StringVar(&o.Root, "root", ".", "the repository")
	f.StringVar(&o.FunctionsDir, "functions-dir", "", "where <function>/bootstrap is (default <root>/bin/functions)")
	f.BoolVar(&o.InProcess, "in-process", false, "call the handlers directly, without processes")
	f.IntVar(&o.Instances, "instances", 1, "instances of each function kept ready; they take turns")
	f.IntVar(&o.MaxInstances, "max-instances", 8, "most instances of each function at once")
	f.BoolVar(&o.Freeze, "freeze", false, "stop idle processes between calls, as Lambda does")
	f.StringVar(&o.DynamoDBEndpoint, "dynamodb-endpoint", "", "URL of another DynamoDB engine, in place of dynoxide")
	f.DurationVar(&o.ScheduleEvery, "schedule-every", 2*time.Second, "run schedules at least this often; 0: as the template says")
	f.StringToStringVar(&o.Env, "env", nil, "more variables for every function: NAME=VALUE,…")
	f.StringArrayVar(&o.Faults, "fault", nil, "what goes wrong once it is ready, e.g. store=down:60s@10s; may be repeated; see above")
	f.BoolVar(&o.Drill, "drill", false, "let `sluice fault` tell faults while it runs; --fault does, too")
	f.BoolVar(&o.Figures, "figures", false, "tell goroutines and allocations of this process on a loopback port, as JSON")
	f.BoolVar(&o.WithParent, "with-parent", false, "end when the process that started this one ends")
	return c
}

// check says what cannot be.
func (o Options) check() error {
	var faults []string
	if o.Instances < 1 || o.Instances > 64 {
		faults = append(faults, "--instances must lie in 1..64")
	}
	if o.MaxInstances < 1 || o.MaxInstances > 256 {
		faults = append(faults, "--max-instances must lie in 1..256")
	}
	if o.ScheduleEvery < 0 {
		faults = append(faults, "--schedule-every must not be negative")
	}
	if o.InProcess && (o.Freeze || o.Instances > 1) {
		faults = append(faults, "--in-process has no instances to count or freeze")
	}
	if _, err := fault.ParseAll(o.Faults); err != nil {
		faults = append(faults, "--fault: "+err.Error())
	}
	if o.DataDir == "" {
		faults = append(faults, "--data-dir must not be empty")
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return nil
}
