// Package client speaks to the Management API of any deployment.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"sluice/shared/credential"
)

// maxAnswerBytes is more than a function can answer.
const maxAnswerBytes = 8 << 20

// Client calls one Management API with one admin key.
type Client struct {
	endpoint string
	key      credential.Secret
	http     *http.Client
}

// New makes a client; the endpoint is that of the HTTP API, without /admin/v1.
func New(endpoint string, key credential.Secret) *Client {
	return &Client{endpoint: strings.TrimSuffix(endpoint, "/"), key: key, http: &http.Client{Timeout: time.Minute}}
}

// Problem is a refusal of the Management API.
type Problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	Errors    []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// Error says what was refused, and where in the request the fault lies.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s: %s", p.Status, p.Code, p.Title)
	if p.Detail != "" {
		fmt.Fprintf(&b, ": %s", p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "; %s %s", e.Pointer, e.Detail)
	}
	if p.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", p.RequestID)
	}
	return b.String()
}

// Is reports whether the error is a refusal with the status.
func Is(err error, status int) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status
}

// Content is a body that is sent as it is.
type Content struct {
	Type  string
	Bytes []byte
}

// Call makes one call below /admin/v1: in is sent as JSON, or as it is if it is a Content; out, if not nil, receives the
// answer. A POST carries an Idempotency-Key, so that it may be repeated by the transport. It gives the answer's ETag.
// ifMatch "" sends none. Refusals are *Problem.
func (c *Client) Call(ctx context.Context, method, path, ifMatch string, in, out any) (etag string, err error) {
	content, err := contentOf(in)
	if err != nil {
		return "", fmt.Errorf("write the body of %s %s: %w", method, path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+"/admin/v1"+path, bytes.NewReader(content.Bytes))
	if err != nil {
		return "", fmt.Errorf("call %s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	if content.Type != "" {
		req.Header.Set("Content-Type", content.Type)
	}
	if ifMatch != "" {
		req.Header.Set("If-Match", ifMatch)
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", uuid.NewString())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("call %s %s: %w", method, path, err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if closing := res.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return "", fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s %s: %w", method, path, refusal(res, body))
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			return "", fmt.Errorf("read the answer to %s %s: %w", method, path, err)
		}
	}
	return res.Header.Get("ETag"), nil
}

func contentOf(in any) (Content, error) {
	switch in := in.(type) {
	case nil:
		return Content{}, nil
	case Content:
		return in, nil
	}
	b, err := json.Marshal(in)
	return Content{Type: "application/json", Bytes: b}, err
}

func refusal(res *http.Response, body []byte) *Problem {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		p.Code, p.Title = "no_problem_document", "the answer explains nothing"
	}
	p.Status = res.StatusCode
	if p.RequestID == "" {
		p.RequestID = res.Header.Get("X-Request-Id")
	}
	return p
}
