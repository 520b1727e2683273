// Command portal is the developer portal: package present behind AWS Lambda.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/functions/portal/present"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

func main() {
	log := telemetry.New(os.Stdout, slog.LevelInfo)
	serve, err := start()
	if err != nil {
		log.Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(serve)
}

func start() (gatewayevent.Function, error) {
	s, err := settings.LoadPortal(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	log := telemetry.New(os.Stdout, s.LogLevel)
	table, err := dynamo.Open(s.Table)
	if err != nil {
		return nil, err
	}
	handler, err := present.Wire(s, table, time.Now, log)
	if err != nil {
		return nil, err
	}
	return gatewayevent.Handler(handler, log), nil
}
