package session

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/private"
)

// The child has these credentials, no others and nothing that selects others; the rest of the environment is its parent's.
func TestChildEnvironment(t *testing.T) {
	parent := []string{
		"PATH=/bin", "HOME=/home/me", "AWS_REGION=us-east-1", "AWS_CA_BUNDLE=/ca.pem", "AWS_ENDPOINT_URL_STS=http://x", "AWS_CONFIG_FILE=/c",
		"AWS_PAGER=", "AWS_ACCOUNTS_FILE=/accounts.json", "AWS_ACCOUNTS_KEYCHAIN=file", "AWS_EC2_METADATA_DISABLED=true", "ODD",
	}
	var rivalry []string
	for _, name := range slices.Concat(given, conflictingVars, private.Variables, []string{"AWS_CONTAINER_OF_THE_FUTURE", "AWS_BEARER_TOKEN_X"}) {
		rivalry = append(rivalry, name+"=other")
	}
	expires := time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		name string
		in   []variable
		want []string
	}{
		{"session", credentialVariables(aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: expires, AccountID: "1"}),
			[]string{"AWS_ACCESS_KEY_ID=ASIA", "AWS_SECRET_ACCESS_KEY=s", "AWS_SESSION_TOKEN=t", "AWS_CREDENTIAL_EXPIRATION=2026-11-22T12:00:00Z", "AWS_ACCOUNT_ID=1"}},
		{"long-term key", credentialVariables(aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}),
			[]string{"AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=s"}},
		{"none", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := childEnvironment(slices.Concat(rivalry, parent, rivalry), c.in)
			if want := append(slices.Clone(parent), c.want...); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
	got := childEnvironment([]string{"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1"}, regionVariables("eu-west-1"))
	if want := []string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1"}; !slices.Equal(got, want) {
		t.Errorf("regions %q", got)
	}
}
