package dynamo_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/shared/settings"
	"sluice/shared/usage"
)

// recorder answers every call with nothing and keeps the last one.
type recorder struct {
	canned
	req  *http.Request
	body []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.req, r.body = req, body
	return r.canned.RoundTrip(req)
}

// signature computes what AWS expects, from its description of Signature Version 4 and not by the SDK.
func signature(secret, region, date string, req *http.Request, body []byte) string {
	keyed := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	_, after, _ := strings.Cut(req.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ := strings.Cut(after, ",")
	canonical := req.Method + "\n/\n\n"
	for _, name := range strings.Split(signed, ";") {
		value := req.Header.Get(name)
		switch name {
		case "host":
			value = req.Host
		case "content-length":
			value = fmt.Sprint(len(body))
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + signed + "\n" + sum(body)
	day, scope := date[:8], date[:8]+"/"+region+"/dynamodb/aws4_request"
	key := keyed(keyed(keyed(keyed([]byte("AWS4"+secret), day), region), "dynamodb"), "aws4_request")
	return hex.EncodeToString(keyed(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+sum([]byte(canonical))))
}

func TestEachKindOfCallIsSignedAsAWSAsks(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 5, 0, time.UTC)
	for where, cfg := range map[string]settings.Table{
		"dynamodb.eu-central-1.amazonaws.com":  {Region: "eu-central-1"},
		"dynamodb.cn-north-1.amazonaws.com.cn": {Region: "cn-north-1"},
		"store.invalid:8000":                   {Region: "eu-central-1", Endpoint: "http://store.invalid:8000"},
	} {
		for _, token := range []string{"", "session+token/with=signs"} {
			cfg.Name, cfg.AccessKeyID, cfg.SecretAccessKey, cfg.SessionToken = "sluice", "AKID", "secret/of+ours", token
			net := &recorder{canned: `{}`}
			table, err := dynamo.Open(cfg, dynamo.WithTransport(net), dynamo.WithClock(func() time.Time { return at }),
				dynamo.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }))
			if err != nil {
				t.Fatal(err)
			}
			p := usage.Pending{ID: "p", Body: bytes.Repeat([]byte{0xff, 0}, 1000)}
			for target, call := range map[string]func() error{
				"GetItem":    func() error { _, err := table.LimitState(t.Context(), "straße"); return err },
				"UpdateItem": func() error { _, _, err := table.ApplyLimit(t.Context(), "s1", counter.Step{Expires: at}); return err },
				"PutItem":    func() error { return table.PutUsage(t.Context(), p, at) },
				"Query":      func() error { _, err := table.Since(t.Context(), 0); return err },
				"TransactWriteItems": func() error {
					return table.FoldUsage(t.Context(), []usage.Pending{p}, nil)
				},
			} {
				if err := call(); err != nil {
					t.Fatalf("%s: %v", target, err)
				}
				header := net.req.Header
				if net.req.URL.Host != where || net.req.Host != where || header.Get("X-Amz-Target") != "DynamoDB_20120810."+target ||
					header.Get("X-Amz-Date") != "20261123T120005Z" || header.Get("X-Amz-Security-Token") != token {
					t.Errorf("%s to %s: %s, %v", target, where, net.req.URL, header)
				}
				credential, given, _ := strings.Cut(header.Get("Authorization"), ", SignedHeaders=")
				names, given, _ := strings.Cut(given, ", Signature=")
				if want := "AWS4-HMAC-SHA256 Credential=AKID/20261123/" + cfg.Region + "/dynamodb/aws4_request"; credential != want {
					t.Errorf("%s to %s: %s", target, where, credential)
				}
				must := []string{"host", "x-amz-date", "x-amz-target"}
				if token != "" {
					must = append(must, "x-amz-security-token")
				}
				for _, name := range must {
					if !slices.Contains(strings.Split(names, ";"), name) {
						t.Errorf("%s to %s: %s is not signed, only %s", target, where, name, names)
					}
				}
				if want := signature(cfg.SecretAccessKey, cfg.Region, "20261123T120005Z", net.req, net.body); given != want {
					t.Errorf("%s to %s: signature %s, want %s", target, where, given, want)
				}
			}
		}
	}
}
