package items

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"sluice/shared/settings"
)

// World is what a table needs from outside. Transport nil means ours; Observe nil means that nobody counts.
type World struct {
	Now       func() time.Time
	Sleep     func(context.Context, time.Duration) error
	Random    io.Reader
	Observe   func(op string, readUnits, writeUnits float64)
	Transport http.RoundTripper
	Timeout   time.Duration // of each attempt
}

// newClient builds the SDK's client by hand: the default configuration chain reads files and adds 1.2 ms and 2 MB to a
// cold start for answers that the environment already gave.
//
// Retries are ours (see attempt): only we know which calls may be repeated after a lost answer.
func newClient(cfg settings.Table, w World) (*dynamodb.Client, error) {
	if cfg.Name == "" || cfg.Region == "" {
		return nil, errors.New("it needs a name and a region")
	}
	endpoint, err := resolve(cfg)
	if err != nil {
		return nil, err
	}
	transport := w.Transport
	if transport == nil {
		transport = newTransport()
	}
	step := &signing{endpoint: endpoint, who: identity(cfg), region: cfg.Region, signer: v4.NewSigner(), now: w.Now,
		agent: []string{"sluice"}}
	return dynamodb.New(dynamodb.Options{
		Region:                          cfg.Region,
		HTTPClient:                      sender{transport, w.Timeout},
		Retryer:                         aws.NopRetryer{},
		DisableValidateResponseChecksum: true, // TLS guards the bytes
		Logger:                          logging.Nop{},
		APIOptions:                      []func(*middleware.Stack) error{step.install},
	}), nil
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 2 * time.Second,
		ForceAttemptHTTP2:   false, // DynamoDB speaks HTTP/1.1
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     50 * time.Second, // below DynamoDB's 60 s, so that we never write on a dying connection
		DisableCompression:  true,             // items are small, and big ones are compressed already
		// A connection that died while the instance was frozen is made anew at half the CPU.
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(16)},
	}
}

// resolve finds where the calls go, once: the SDK's rules cost CPU on each call, and nothing they look at changes.
func resolve(cfg settings.Table) (url.URL, error) {
	params := dynamodb.EndpointParameters{Region: aws.String(cfg.Region)}
	if cfg.Endpoint != "" {
		params.Endpoint = aws.String(cfg.Endpoint)
	}
	found, err := dynamodb.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), params.WithDefaults())
	return found.URI, err
}

func identity(cfg settings.Table) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: cfg.AccessKeyID, SecretAccessKey: cfg.SecretAccessKey, SessionToken: cfg.SessionToken, Source: "environment"}
}
