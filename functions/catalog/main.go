// Command catalog is the catalog function of the Management API: package manage behind AWS Lambda.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/functions/catalog/manage"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

func main() {
	serve, err := start()
	if err != nil {
		telemetry.New(os.Stdout, slog.LevelInfo).Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(serve)
}

func start() (gatewayevent.Function, error) {
	s, err := settings.LoadManagement(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	log := telemetry.New(os.Stdout, s.LogLevel)
	table, err := dynamo.Open(s.Table)
	if err != nil {
		return nil, err
	}
	handler, err := manage.Wire(s, table, time.Now, log)
	if err != nil {
		return nil, err
	}
	return gatewayevent.Handler(handler, log), nil
}
