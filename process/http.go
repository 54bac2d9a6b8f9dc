package process

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"aws-accounts/internal/hint"
)

// httpClient is for what is asked without a client of the SDK's. As those it knows about AWS_CA_BUNDLE and proxies.
func httpClient(ctx context.Context, follow func(next *http.Request, via []*http.Request) error) (*http.Client, error) {
	cfg, err := loadConfig(ctx, noProfile, "")
	if err != nil {
		return nil, hint.New(errors.New(plain(err)), "check AWS_CA_BUNDLE and the other AWS_ variables")
	}
	client := &http.Client{CheckRedirect: follow}
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		client.Transport = b.GetTransport()
	}
	return client, nil
}

// staysThere follows no redirection: nobody else gets what the request has.
func staysThere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// configuredEndpoint is another one than AWS's, as SDKs have it for a service, or "": whoever points all of AWS elsewhere
// would not want credentials sent to AWS.
func configuredEndpoint(service string) string {
	if ignore, _ := strconv.ParseBool(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")); ignore {
		return ""
	}
	endpoint := os.Getenv("AWS_ENDPOINT_URL_" + service)
	if endpoint == "" {
		endpoint = os.Getenv("AWS_ENDPOINT_URL")
	}
	return strings.TrimSuffix(endpoint, "/")
}
