package standin_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"aws-accounts/internal/test/standin"
)

const (
	mainAccount = "123456789012"
	devAccount  = "987654321098"
	adminRole   = "arn:aws:iam::987654321098:role/teams/Admin"
	phone       = "arn:aws:iam::123456789012:mfa/me"
)

// world is one user, and roles that each ask for something else.
func world() standin.Config {
	role := func(name string, trust standin.Trust) standin.Role {
		if trust.Principals == nil {
			trust.Principals = []string{mainAccount}
		}
		return standin.Role{ARN: "arn:aws:iam::" + devAccount + ":role/" + name, Trust: trust}
	}
	return standin.Config{
		Accounts: []standin.Account{{ID: mainAccount, DisabledRegions: []string{"af-south-1"}}, {ID: devAccount}},
		Users: []standin.User{
			{Account: mainAccount, Name: "me", MFA: []standin.MFADevice{{}}},
			{Account: devAccount, Name: "stranger"},
		},
		Roles: []standin.Role{
			{ARN: adminRole, Trust: standin.Trust{Principals: []string{mainAccount, devAccount}}, MaxSessionDuration: 7200},
			role("External", standin.Trust{ExternalID: "secret-handshake"}),
			role("MFA", standin.Trust{MFA: true}),
			role("Identified", standin.Trust{SourceIdentity: true}),
			role("NoTags", standin.Trust{Actions: []string{"sts:AssumeRole"}}),
			role("Tagged", standin.Trust{Tags: []string{"team"}, Principals: []string{mainAccount, devAccount}}),
			role("Nobody", standin.Trust{Principals: []string{}}),
			role("Denied", standin.Trust{}),
		},
		Denials: []standin.Denial{{Principal: "*:user/me", Action: "sts:AssumeRole", Resource: "*role/Denied", Explicit: true}},
		Buckets: []standin.Bucket{{Account: mainAccount, Name: "main-bucket"}, {Account: devAccount, Name: "dev-bucket"}},
	}
}

// config is an SDK configuration that tries once, signs as given and asks s.
func config(s *standin.Server, id, secret, token string) aws.Config {
	return aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(s.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, token),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func userConfig(s *standin.Server, name string) aws.Config {
	key := s.Key(name)
	return config(s, key.ID, key.Secret, "")
}

func stsOf(s *standin.Server, name string) *sts.Client { return sts.NewFromConfig(userConfig(s, name)) }

func wantCode(t *testing.T, err error, code, message string) {
	t.Helper()
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want the error %s", err, code)
	}
	if refusal.ErrorCode() != code || message != "" && refusal.ErrorMessage() != message {
		t.Fatalf("got %s: %q\nwant %s: %q", refusal.ErrorCode(), refusal.ErrorMessage(), code, message)
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// manual is a clock that a test sets.
func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

func manual(at time.Time) func() time.Time { return func() time.Time { return at } }
