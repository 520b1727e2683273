// Command proxy is the proxy function of the Gateway API: package forward behind AWS Lambda.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sluice/functions/proxy/extension"
	"sluice/functions/proxy/forward"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

func main() {
	if err := start(); err != nil {
		telemetry.New(os.Stdout, slog.LevelInfo).Error("start", "error", err)
		os.Exit(1)
	}
}

func start() error {
	s, err := settings.LoadProxy(os.LookupEnv)
	if err != nil {
		return err
	}
	log := telemetry.New(os.Stdout, s.LogLevel)
	slog.SetDefault(log) // what net/http has to say is redacted too
	table, err := dynamo.Open(s.Table)
	if err != nil {
		return fmt.Errorf("open table: %w", err)
	}
	proxy, err := forward.Wire(s, table, time.Now, log)
	if err != nil {
		return fmt.Errorf("wire: %w", err)
	}
	runtime, _ := os.LookupEnv("AWS_LAMBDA_RUNTIME_API")
	after := extension.New(runtime)
	if err := after.Register(context.Background(), "sluice-usage"); err != nil { // usage is then flushed once a beat
		log.Warn("start", "error", err)
	}
	go func() {
		log.Error("extension", "error", after.Run(context.Background(), s.FlushAfter, proxy.AfterResponse))
		os.Exit(1)
	}()
	lambda.StartWithOptions(extension.Notify(after, proxy.Handle), lambda.WithEnableSIGTERM(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 450*time.Millisecond) // Lambda kills us after 500
		defer cancel()
		if err := proxy.Close(ctx); err != nil {
			log.Error("close", "error", err)
		}
		os.Exit(0)
	}))
	return nil
}
