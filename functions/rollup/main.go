// Command rollup is the rollup function: package fold behind AWS Lambda, run by a schedule.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/functions/rollup/fold"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

func main() {
	log := telemetry.New(os.Stdout, slog.LevelInfo)
	folder, err := start()
	if err != nil {
		log.Error("start", "error", err)
		os.Exit(1)
	}
	lambda.Start(folder.Handle)
}

func start() (*fold.Folder, error) {
	s, err := settings.LoadRollup(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	table, err := dynamo.Open(s.Table)
	if err != nil {
		return nil, err
	}
	return fold.Wire(s, table, time.Now, telemetry.New(os.Stdout, s.LogLevel))
}
