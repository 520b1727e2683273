// Command authorizer is the authorizer function of both HTTP APIs: package authorize behind AWS Lambda.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/functions/authorizer/authorize"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

func main() {
	log := telemetry.New(os.Stdout, slog.LevelInfo)
	a, err := start()
	if err != nil {
		log.Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(a.Handle)
}

// start turns a panic into an error too, so that whatever keeps the function from starting is in its log.
func start() (a *authorize.Authorizer, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	s, err := settings.LoadAuthorizer(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	table, err := dynamo.Open(s.Table)
	if err != nil {
		return nil, err
	}
	return authorize.Wire(s, table, time.Now, telemetry.New(os.Stdout, s.LogLevel))
}
