package sync

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
)

// What was asked for by https is never fetched without, not even from the same host.
func TestSharedStaysHTTPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		follows  bool
	}{
		{"https://team.example/a", "https://elsewhere.example/a", true},
		{"https://team.example/a", "http://team.example/a", false},
		{"https://team.example/a", "http://127.0.0.1:8080/a", false},
		{"http://127.0.0.1:8080/a", "http://127.0.0.1:8080/b", true},
		{"http://127.0.0.1:8080/a", "http://team.example/a", false},
	} {
		requests := make([]*http.Request, 2)
		for i, address := range []string{c.from, c.to} {
			var err error
			if requests[i], err = http.NewRequest(http.MethodGet, address, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := staysHTTPS(requests[1], requests[:1]); (err == nil) != c.follows {
			t.Errorf("%s → %s: %v", c.from, c.to, err)
		}
	}
}

// A signed request goes to the region's own partition, or where the variables send all SDKs.
func TestS3Endpoint(t *testing.T) {
	for _, c := range []struct{ variable, value, region, want string }{
		{"", "", "eu-west-1", "https://s3.eu-west-1.amazonaws.com"},
		{"", "", "cn-north-1", "https://s3.cn-north-1.amazonaws.com.cn"},
		{"", "", "us-gov-west-1", "https://s3.us-gov-west-1.amazonaws.com"},
		{"", "", "eusc-de-east-1", "https://s3.eusc-de-east-1.amazonaws.eu"},
		{"", "", "us-iso-east-1", "https://s3.us-iso-east-1.c2s.ic.gov"},
		{"", "", "us-isob-east-1", "https://s3.us-isob-east-1.sc2s.sgov.gov"},
		{"AWS_ENDPOINT_URL", "http://127.0.0.1:1/", "eu-west-1", "http://127.0.0.1:1"},
		{"AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2", "eu-west-1", "http://127.0.0.1:2"},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "eu-west-1", "https://s3.eu-west-1.amazonaws.com"},
	} {
		if c.variable != "" {
			t.Setenv(c.variable, c.value)
		}
		hop, err := route.HopOf(nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s3Endpoint(t.Context(), hop, c.region); err != nil || got != c.want {
			t.Errorf("%s %s: %s, %v", c.region, c.variable, got, err)
		}
	}
}

// Behind a proxy that inspects TLS its CA is trusted here as everywhere, and who hasn't named it is told to.
func TestSharedBehindAnotherCA(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	gets := map[string]func() ([]byte, error){
		"https": func() ([]byte, error) { return getHTTPS(t.Context(), server.URL) },
		"s3": func() ([]byte, error) {
			hop, err := route.HopOf(nil, "")
			if err != nil {
				return nil, err
			}
			content, _, err := getS3(t.Context(), hop, "s3://team/a.json", "eu-west-1", aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"})
			return content, err
		},
	}
	for name, get := range gets {
		if _, err := get(); !strings.Contains(hint.Of(err), "AWS_CA_BUNDLE") {
			t.Errorf("%s from a stranger: %v, hint %q", name, err, hint.Of(err))
		}
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	for name, get := range gets {
		if content, err := get(); err != nil || string(content) != "{}" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
	t.Setenv("AWS_CA_BUNDLE", bundle+".gone")
	for name, get := range gets {
		if _, err := get(); !strings.Contains(hint.Of(err), "AWS_CA_BUNDLE") {
			t.Errorf("%s without the bundle: %v, hint %q", name, err, hint.Of(err))
		}
	}
}
