package authentication_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"sluice/shared/contract/mediation/authentication"
)

const (
	exampleID  = "AKIDEXAMPLE"
	exampleKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func signer(service string) *authentication.Declaration {
	return &authentication.Declaration{Type: authentication.SigV4, Secret: "x", Region: "us-east-1", Service: service}
}

// TestSignaturesAreThoseThatAWSPublishes holds signatures against AWS's test vectors (aws4_testsuite: facts, not code).
func TestSignaturesAreThoseThatAWSPublishes(t *testing.T) {
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		service string
		request authentication.Request
		want    string
	}{
		"get-vanilla": {"service", authentication.Request{Method: "GET", Host: "example.amazonaws.com", Path: "/"},
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-vanilla-query-order-key-case": {"service", authentication.Request{Method: "GET", Host: "example.amazonaws.com", Path: "/", Query: "Param2=value2&Param1=value1"},
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"post-vanilla": {"service", authentication.Request{Method: "POST", Host: "example.amazonaws.com", Path: "/"},
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"post-x-www-form-urlencoded": {"service", authentication.Request{Method: "POST", Host: "example.amazonaws.com", Path: "/", Body: []byte("Param1=value1"),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
			"ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		"the example of IAM's ListUsers": {"iam", authentication.Request{Method: "GET", Host: "iam.amazonaws.com", Path: "/", Query: "Action=ListUsers&Version=2010-05-08",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}},
			"5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		secret := authentication.Secret(`{"access_key_id":"` + exampleID + `","secret_access_key":"` + exampleKey + `"}`)
		if err := signer(c.service).Apply(&c.request, secret, at); err != nil {
			t.Fatal(err)
		}
		if got := c.request.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestSignaturesAreThoseOfTheSDK compares with AWS's own signer.
func TestSignaturesAreThoseOfTheSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`[a-zA-Z0-9 ._~%!$'()*+,;=:@é-]{1,8}`)
		service := rapid.SampledFrom([]string{"execute-api", "s3", "lambda"}).Draw(t, "service")
		path := ""
		for _, s := range rapid.SliceOfN(segment, 1, 3).Draw(t, "path") {
			if path += "/"; service == "s3" { // the SDK signs what it is given, S3 what is decoded and encoded anew
				path += strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
			} else {
				path += url.PathEscape(s)
			}
		}
		query := make(url.Values)
		for _, n := range rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9 ~é/=]{1,5}`), 0, 4).Draw(t, "names") {
			query.Add(n, rapid.StringMatching(`[a-z +&%*/é]{0,5}`).Draw(t, "value"))
		}
		query["twice"] = rapid.SliceOfN(rapid.StringMatching(`[a-c]`), 0, 3).Draw(t, "twice")
		body := []byte(rapid.StringN(0, 20, -1).Draw(t, "body"))
		session := rapid.SampledFrom([]string{"", "SESSION"}).Draw(t, "session")
		at := time.Unix(rapid.Int64Range(1e9, 2e9).Draw(t, "at"), 0)
		header := http.Header{"Content-Type": {"application/json"}, "X-Amz-Target": {"  a   b "}, "X-Other": {"1"}}

		ours := authentication.Request{Method: "PUT", Host: "example.com", Path: path, Query: query.Encode(), Header: header, Body: body}
		secret := authentication.Secret(`{"access_key_id":"` + exampleID + `","secret_access_key":"` + exampleKey + `","session_token":"` + session + `"}`)
		if err := signer(service).Apply(&ours, secret, at); err != nil {
			t.Fatal(err)
		}

		theirs, err := http.NewRequest(http.MethodPut, "https://example.com"+path+"?"+query.Encode(), bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		theirs.Header, theirs.ContentLength = header.Clone(), 0
		delete(theirs.Header, "X-Other")
		sum := sha256.Sum256(body)
		if service == "s3" {
			theirs.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
		}
		err = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).SignHTTP(t.Context(),
			aws.Credentials{AccessKeyID: exampleID, SecretAccessKey: exampleKey, SessionToken: session}, theirs, hex.EncodeToString(sum[:]), service, "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
			t.Fatalf("for %s?%s: got\n%s, the SDK\n%s", path, query.Encode(), got, want)
		}
	})
}
