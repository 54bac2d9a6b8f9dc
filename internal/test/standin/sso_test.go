package standin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	oidctypes "github.com/aws/aws-sdk-go-v2/service/ssooidc/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

const startURL = "https://corp.awsapps.com/start"

func ssoWorld() standin.Config {
	cfg := world()
	center := standin.IdentityCenter{StartURL: startURL, Region: "eu-west-1", PageSize: 2}
	for i := range 3 {
		center.Assignments = append(center.Assignments, standin.Assignment{Account: fmt.Sprintf("00000000000%d", i), Role: "ReadOnly"})
	}
	for i := range 3 {
		center.Assignments = append(center.Assignments, standin.Assignment{Account: devAccount, Role: fmt.Sprintf("Role%d", i)})
	}
	cfg.IdentityCenter = []standin.IdentityCenter{center}
	return cfg
}

type corp struct {
	*testing.T
	s          *standin.Server
	oidc       *ssooidc.Client
	portal     *sso.Client
	id, secret *string
	redirect   string
	verifier   string
}

func signInto(t *testing.T, s *standin.Server, grants ...string) *corp {
	cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(s.URL()), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	c := &corp{T: t, s: s, oidc: ssooidc.NewFromConfig(cfg), portal: sso.NewFromConfig(cfg), redirect: "http://127.0.0.1:4711/oauth/callback", verifier: strings.Repeat("v", 43)}
	client, err := c.oidc.RegisterClient(bounded(t), &ssooidc.RegisterClientInput{
		ClientName: aws.String("test"), ClientType: aws.String("public"), Scopes: []string{"sso:account:access"}, GrantTypes: grants,
		IssuerUrl: aws.String(startURL), RedirectUris: []string{"http://127.0.0.1/oauth/callback"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.id, c.secret = client.ClientId, client.ClientSecret
	return c
}

// browse follows /authorize as a browser would, up to the loopback redirect.
func (c *corp) browse() url.Values {
	challenge := sha256.Sum256([]byte(c.verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {*c.id}, "redirect_uri": {c.redirect}, "state": {"s1"}, "scopes": {"sso:account:access"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(c.s.URL() + "/authorize?" + q.Encode())
	if err != nil {
		c.Fatal(err)
	}
	answer.Body.Close()
	to, err := answer.Location()
	if err != nil || !strings.HasPrefix(to.String(), c.redirect+"?") {
		c.Fatalf("%d to %v: %v", answer.StatusCode, to, err)
	}
	return to.Query()
}

func (c *corp) token(in ssooidc.CreateTokenInput) (*ssooidc.CreateTokenOutput, error) {
	in.ClientId, in.ClientSecret = c.id, c.secret
	return c.oidc.CreateToken(bounded(c.T), &in)
}

func TestAuthorizationCode(t *testing.T) {
	s := standin.Start(t, ssoWorld())
	c := signInto(t, s, "authorization_code", "refresh_token")
	redeem := func(code, verifier string) (*ssooidc.CreateTokenOutput, error) {
		return c.token(ssooidc.CreateTokenInput{GrantType: aws.String("authorization_code"), Code: &code, RedirectUri: &c.redirect, CodeVerifier: &verifier})
	}
	var invalid *oidctypes.InvalidGrantException
	back := c.browse()
	if back.Get("state") != "s1" {
		t.Errorf("came back with %v", back)
	}
	if _, err := redeem(back.Get("code"), "wrong"); !errors.As(err, &invalid) || *invalid.Error_ != "invalid_grant" {
		t.Errorf("a wrong verifier: %v", err)
	}
	if _, err := redeem(back.Get("code"), c.verifier); !errors.As(err, &invalid) {
		t.Errorf("the code a second time: %v", err)
	}
	first, err := redeem(c.browse().Get("code"), c.verifier)
	if err != nil {
		t.Fatal(err)
	}

	refresh := func(token *string) (*ssooidc.CreateTokenOutput, error) {
		return c.token(ssooidc.CreateTokenInput{GrantType: aws.String("refresh_token"), RefreshToken: token})
	}
	second, err := refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refresh(first.RefreshToken); !errors.As(err, &invalid) || *invalid.Error_description != "Invalid refresh token provided" {
		t.Errorf("a used refresh token: %v", err)
	}

	accounts := 0
	pages := sso.NewListAccountsPaginator(c.portal, &sso.ListAccountsInput{AccessToken: second.AccessToken})
	for pages.HasMorePages() {
		page, err := pages.NextPage(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		accounts += len(page.AccountList)
	}
	if n := s.Calls("sso:ListAccounts"); accounts != 4 || n != 2 {
		t.Errorf("%d accounts on %d pages", accounts, n)
	}
	roles, err := c.portal.ListAccountRoles(bounded(t), &sso.ListAccountRolesInput{AccessToken: second.AccessToken, AccountId: aws.String(devAccount)})
	if err != nil || len(roles.RoleList) != 2 || roles.NextToken == nil {
		t.Errorf("%+v %v", roles, err)
	}
	get := func(role string) (*sso.GetRoleCredentialsOutput, error) {
		return c.portal.GetRoleCredentials(bounded(t), &sso.GetRoleCredentialsInput{AccessToken: second.AccessToken, AccountId: aws.String(devAccount), RoleName: &role})
	}
	got, err := get("Role1")
	if err != nil {
		t.Fatal(err)
	}
	r := got.RoleCredentials
	if left := time.Until(time.UnixMilli(r.Expiration)); left > time.Hour || left < 59*time.Minute {
		t.Errorf("expires in %s", left)
	}
	who, err := sts.NewFromConfig(config(s, *r.AccessKeyId, *r.SecretAccessKey, *r.SessionToken)).GetCallerIdentity(bounded(t), nil)
	if err != nil || *who.Account != devAccount || !strings.HasPrefix(*who.Arn, "arn:aws:sts::987654321098:assumed-role/AWSReservedSSO_Role1_") {
		t.Errorf("%v %v", who, err)
	}
	_, err = get("Absent")
	wantCode(t, err, "ForbiddenException", "No access")
	if arn := s.SSORoleARN(devAccount, "Role1"); !strings.HasPrefix(arn, "arn:aws:iam::987654321098:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Role1_") {
		t.Error(arn)
	}

	s.Advance(time.Hour)
	_, err = get("Role1")
	wantCode(t, err, "UnauthorizedException", "Session token not found or invalid")
	if second, err = refresh(second.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if _, err := c.portal.Logout(bounded(t), &sso.LogoutInput{AccessToken: second.AccessToken}); err != nil {
		t.Fatal(err)
	}
	_, err = get("Role1")
	wantCode(t, err, "UnauthorizedException", "")
	if _, err := refresh(second.RefreshToken); !errors.As(err, &invalid) {
		t.Errorf("refreshing after logout: %v", err)
	}
}

func TestDeviceCode(t *testing.T) {
	s := standin.Start(t, ssoWorld())
	c := signInto(t, s, "urn:ietf:params:oauth:grant-type:device_code", "refresh_token")
	start := func() *ssooidc.StartDeviceAuthorizationOutput {
		out, err := c.oidc.StartDeviceAuthorization(bounded(t), &ssooidc.StartDeviceAuthorizationInput{ClientId: c.id, ClientSecret: c.secret, StartUrl: aws.String(startURL + "/#/")})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	poll := func(code *string) (*ssooidc.CreateTokenOutput, error) {
		return c.token(ssooidc.CreateTokenInput{GrantType: aws.String("urn:ietf:params:oauth:grant-type:device_code"), DeviceCode: code})
	}
	var (
		pending *oidctypes.AuthorizationPendingException
		slow    *oidctypes.SlowDownException
		expired *oidctypes.ExpiredTokenException
		denied  *oidctypes.AccessDeniedException
		grant   *oidctypes.InvalidGrantException
	)
	device := start()
	if _, err := poll(device.DeviceCode); !errors.As(err, &pending) {
		t.Errorf("got %v", err)
	}
	if _, err := poll(device.DeviceCode); !errors.As(err, &slow) {
		t.Errorf("at once again: %v", err)
	}
	page, err := http.Get(*device.VerificationUriComplete)
	if err != nil || page.StatusCode != 200 {
		t.Fatal(page, err)
	}
	page.Body.Close()
	done, err := http.PostForm(*device.VerificationUri, url.Values{"user_code": {*device.UserCode}})
	if err != nil || done.StatusCode != 200 {
		t.Fatal(done, err)
	}
	done.Body.Close()
	out, err := poll(device.DeviceCode)
	if err != nil || out.RefreshToken == nil || out.ExpiresIn != 3600 {
		t.Fatalf("%+v %v", out, err)
	}
	if _, err := poll(device.DeviceCode); !errors.As(err, &grant) {
		t.Errorf("a used code: %v", err)
	}
	device = start()
	if err := s.DenyDevice(*device.UserCode); err != nil {
		t.Fatal(err)
	}
	if _, err := poll(device.DeviceCode); !errors.As(err, &denied) {
		t.Errorf("denied: %v", err)
	}
	device = start()
	s.Advance(601 * time.Second)
	if _, err := poll(device.DeviceCode); !errors.As(err, &expired) {
		t.Errorf("expired: %v", err)
	}
	var client *oidctypes.InvalidClientException
	c.secret = aws.String("wrong")
	if _, err := poll(device.DeviceCode); !errors.As(err, &client) {
		t.Errorf("a wrong secret: %v", err)
	}
}
