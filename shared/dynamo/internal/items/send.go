package items

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// signing is the one step between a serialized call and its sending: where it goes, and who signs. It stands for seven of the
// SDK's, which look up on each call what never changes for us; the signature is the SDK's.
type signing struct {
	endpoint url.URL
	who      aws.Credentials
	region   string
	signer   *v4.Signer
	now      func() time.Time
	agent    []string
}

// ID names the step in the SDK's stack.
func (s *signing) ID() string { return "Signing" }

// HandleFinalize addresses and signs a call.
func (s *signing) HandleFinalize(
	ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
) (out middleware.FinalizeOutput, metadata middleware.Metadata, err error) {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return out, metadata, fmt.Errorf("sign a call: %T is no request", in.Request)
	}
	req.URL.Scheme, req.URL.Host, req.Host = s.endpoint.Scheme, s.endpoint.Host, s.endpoint.Host
	req.URL.Path = smithyhttp.JoinPath(s.endpoint.Path, req.URL.Path)
	req.Header["User-Agent"] = s.agent
	sum := sha256.New()
	if body := req.GetStream(); body != nil {
		if _, err := io.Copy(sum, body); err != nil {
			return out, metadata, fmt.Errorf("sign a call: %w", err)
		}
		if err := req.RewindStream(); err != nil {
			return out, metadata, fmt.Errorf("sign a call: %w", err)
		}
	}
	payload := hex.EncodeToString(sum.Sum(nil))
	if err := s.signer.SignHTTP(ctx, s.who, req.Request, payload, "dynamodb", s.region, s.now()); err != nil {
		return out, metadata, fmt.Errorf("sign a call: %w", err)
	}
	return next.HandleFinalize(ctx, in)
}

// install puts the step in place of the SDK's own, and takes out what does nothing for us. With Retry goes the SDK's correction
// of a wrong clock; DynamoDB bears 5 minutes of error.
func (s *signing) install(stack *middleware.Stack) error {
	var errs []error
	for _, id := range []string{"setOperationInput", "ResolveEndpoint"} { // for the steps below
		_, err := stack.Serialize.Remove(id)
		errs = append(errs, err)
	}
	stack.Build.Clear()    // ids of calls, tracing, user agent
	stack.Finalize.Clear() // retries, metrics, authentication schemes, endpoints, signing
	errs = append(errs, stack.Finalize.Add(s, middleware.After))
	for _, id := range []string{"RecordResponseTiming", "RequestResponseLogger", "AddRawResponseToMetadata"} {
		_, err := stack.Deserialize.Remove(id)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sender makes one HTTP exchange: no redirects, no cookies, one timeout from the first byte to the last.
type sender struct {
	transport http.RoundTripper
	timeout   time.Duration
}

// Do sends a request, whose body the transport closes. The timeout ends with the body of the answer.
func (s sender) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), s.timeout)
	res, err := s.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	res.Body = &timed{res.Body, cancel}
	return res, nil
}

// timed is a body that ends its timeout when it is closed.
type timed struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close closes the body.
func (t *timed) Close() error {
	t.cancel()
	return t.ReadCloser.Close()
}
