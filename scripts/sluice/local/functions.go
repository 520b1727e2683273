package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"sluice/scripts/sluice/httpapi"
	"sluice/scripts/sluice/lambda"
	"sluice/scripts/sluice/template"
	"sluice/shared/problem"
	"sluice/shared/settings"
)

// functions are the functions of the template, by logical id: as processes, or as handlers in this process.
type functions interface {
	integration(id string) (httpapi.Integration, error)
	authorizer(id string) (httpapi.Authorizer, error)
	call(ctx context.Context, id string, payload []byte) error
	close()
}

// startFunctions starts what the template has.
func (c *cloud) startFunctions(ctx context.Context) (err error) {
	if c.InProcess {
		c.functions, err = c.direct()
	} else {
		c.functions, err = c.launch(ctx)
	}
	if c.functions != nil {
		c.after(c.functions.close)
	}
	return err
}

// env is a function's environment: what the template says, with what only the cloud would know filled in.
func (c *cloud) env(f template.Function) map[string]string {
	known := map[string]string{
		"Data.Outputs.TableName": tableName,
		"GatewayApi.ApiEndpoint": "http://" + c.gateway.Addr().String(), "ManagementApi.ApiEndpoint": "http://" + c.management.Addr().String(),
	}
	env := map[string]string{}
	for name, value := range f.Env {
		if v, ok := known[value]; ok {
			value = v
		}
		env[name] = value
	}
	t := c.tableSettings()
	maps.Copy(env, map[string]string{"TABLE_NAME": t.Name, "AWS_REGION": t.Region, "AWS_DEFAULT_REGION": t.Region,
		"AWS_ACCESS_KEY_ID": t.AccessKeyID, "AWS_SECRET_ACCESS_KEY": t.SecretAccessKey, "AWS_ENDPOINT_URL_DYNAMODB": t.Endpoint,
		"SLUICE_UPSTREAM_NETWORKS": string(settings.LoopbackToo), "SLUICE_FLUSH_SECONDS": "1", // usage shows sooner
		"SLUICE_CLOCK_SKEW_MS": "0"}) // one machine has one clock, so no call need be charged to two periods
	if c.egress != "" {
		env["SLUICE_UPSTREAM_PROXY"] = c.egress
	}
	maps.Copy(env, c.Env)
	return env
}

// processes are functions that run as processes of their own, by logical id.
type processes map[string]*lambda.Function

func (c *cloud) launch(ctx context.Context) (functions, error) {
	folder := c.FunctionsDir
	if folder == "" {
		folder = filepath.Join(c.Root, "bin", "functions")
	}
	p := processes{}
	for _, f := range c.template.Functions {
		binary := filepath.Join(folder, f.Folder(), "bootstrap")
		if _, err := os.Stat(binary); err != nil {
			return nil, fmt.Errorf("the function %s is not built (run `make run`): %w", f.Folder(), err)
		}
		log, err := c.log(f.Folder())
		if err != nil {
			return nil, err
		}
		p[f.ID] = lambda.New(lambda.Config{Name: "sluice-" + f.Folder(), Binary: binary, Handler: f.Handler, MemoryMB: f.MemoryMB, Timeout: f.Timeout,
			Env: c.env(f), Instances: c.Instances, MaxInstances: c.MaxInstances, Freeze: c.Freeze, Log: log, Starter: c.starter, Notice: c.out.say})
	}
	var starting sync.WaitGroup
	failed := make([]error, len(c.template.Functions))
	for i, f := range c.template.Functions {
		starting.Go(func() {
			if err := p[f.ID].Start(ctx); err != nil {
				failed[i] = fmt.Errorf("start the function %s: %w (see %s)", f.Folder(), err, filepath.Join(c.DataDir, "logs", f.Folder()+".log"))
			}
		})
	}
	starting.Wait()
	if err := errors.Join(failed...); err != nil {
		return p, err
	}
	c.out.say("functions: %d, with %d instance(s) each", len(p), c.Instances)
	return p, nil
}

func (p processes) close() {
	var closing sync.WaitGroup
	for _, f := range p {
		closing.Go(f.Close)
	}
	closing.Wait()
}

func (p processes) call(ctx context.Context, id string, payload []byte) error {
	_, err := p[id].Invoke(ctx, payload)
	return err
}

func (p processes) integration(id string) (httpapi.Integration, error) {
	f, ok := p[id]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", id)
	}
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		var out events.APIGatewayV2HTTPResponse
		answer, err := invoke(ctx, f, e)
		if err != nil {
			return out, err
		}
		if !hasStatus(answer) { // payload format 2.0 takes it for the body
			return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: string(answer), Headers: map[string]string{"content-type": "application/json"}}, nil
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return out, fmt.Errorf("read the function's answer: %w", err)
		}
		return out, nil
	}, nil
}

func hasStatus(answer []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(answer), []byte("{")) && bytes.Contains(answer, []byte(`"statusCode"`))
}

func (p processes) authorizer(id string) (httpapi.Authorizer, error) {
	f, ok := p[id]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", id)
	}
	return func(ctx context.Context, e events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
		var out events.APIGatewayV2CustomAuthorizerSimpleResponse
		answer, err := invoke(ctx, f, e)
		if err != nil {
			return out, err
		}
		if err := json.Unmarshal(answer, &out); err != nil {
			return out, fmt.Errorf("read the authorizer's answer: %w", err)
		}
		return out, nil
	}, nil
}

// invoke calls a function with an event. Its own limits are the caller's to know, all else is internal.
func invoke(ctx context.Context, f *lambda.Function, event any) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}
	answer, err := f.Invoke(ctx, payload)
	switch {
	case errors.Is(err, lambda.ErrTooLarge):
		return nil, problem.Wrap(err, problem.TooLarge, "the request is too large for a function: 6 MB")
	case errors.Is(err, lambda.ErrTimeout), errors.Is(err, lambda.ErrBusy), errors.Is(err, lambda.ErrClosed):
		return nil, problem.Wrap(err, problem.Unavailable, "the function did not answer in time")
	}
	return answer, err
}
