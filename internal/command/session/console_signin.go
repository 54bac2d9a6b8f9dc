package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/partitions"
	"aws-accounts/internal/route"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// consoleSite is where a partition's console is, and where one signs in to it.
type consoleSite struct {
	federation  string
	destination string
	settings    *route.Settings
}

// newConsoleSite has it in the console of a region. The newer partitions have sign-in hosts by region alone.
func newConsoleSite(partition, region, service string, settings *route.Settings) (*consoleSite, error) {
	if err := settings.CheckEndpoint("SIGNIN"); err != nil {
		return nil, err
	}
	p, _ := partitions.Called(partition)
	signin := region + ".signin."
	switch p.Name {
	case "aws", "aws-cn", "aws-us-gov":
		signin = "signin."
	}
	s := &consoleSite{"https://" + signin + p.Console, "https://console." + p.Console + "/", settings}
	if service == "" {
		service = "console"
	}
	s.destination += service + "/home?region=" + url.QueryEscape(region)
	if endpoint := settings.Endpoint("SIGNIN"); endpoint != "" {
		s.federation = endpoint
	}
	s.federation += "/federation"
	return s, nil
}

// signinLink exchanges the session for a link that signs in to the console, for 15 minutes, and says until when one then
// is, the zero time if that isn't known. The link is a secret.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
func (s *session) signinLink(site *consoleSite, duration time.Duration) (link string, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	a := s.account
	if a.IsBase() {
		if err := s.mustBeRole(ctx); err != nil {
			return "", until, err
		}
	}
	data, _ := json.Marshal(map[string]string{"sessionId": s.first.AccessKeyID, "sessionKey": s.first.SecretAccessKey,
		"sessionToken": s.first.SessionToken})
	form := url.Values{"Action": {"getSigninToken"}, "Session": {string(data)}}
	until = s.first.Expires
	if duration != 0 {
		form.Set("SessionDuration", strconv.Itoa(int(duration/time.Second)))
		until = s.Sessions.Now().Add(duration)
	}
	token, err := signinToken(ctx, site, form)
	switch refused := errors.Is(err, errNotFederated); {
	case refused && duration != 0:
		return "", until, hint.New(fmt.Errorf("%s: %w", a.Name, err),
			"leave --duration out, as AWS doesn't take it for every role; else `aws-accounts assume %s --refresh`", a.Name)
	case refused:
		return "", until, hint.New(fmt.Errorf("%s: %w", a.Name, err), "`aws-accounts assume %s --refresh`, then try again", a.Name)
	case err != nil:
		return "", until, process.Explain(err, a)
	}
	login := url.Values{"Action": {"login"}, "Destination": {site.destination}, "SigninToken": {token}}
	return site.federation + "?" + login.Encode(), until, nil
}

// mustBeRole tells a base account whose credentials are a user's from one that begins with a role's, as on an instance.
func (s *session) mustBeRole(ctx context.Context) error {
	if s.first.SessionToken != "" {
		who, err := s.identity(ctx)
		if err != nil {
			return err
		}
		if strings.Contains(who.ARN, ":assumed-role/") || strings.Contains(who.ARN, ":federated-user/") {
			return nil
		}
	}
	role := "a role that is assumed from it"
	isFromHere := func(a *accounts.Account) bool { return a.SourceAccount() == s.account }
	if roles := s.account.File().Where(isFromHere); len(roles) > 0 {
		role = "`aws-accounts console " + roles[0].Name + "`"
	}
	return hint.New(fmt.Errorf("%s: AWS opens the console for roles only, and these credentials are a user's", s.account.Name),
		"use %s, or add a role in account %s to the accounts file", role, s.first.AccountID)
}

var errNotFederated = errors.New("AWS doesn't accept the session for the console")

// signinToken asks by POST: an address, in which a GET would have the session, is what proxies and servers write down.
func signinToken(ctx context.Context, site *consoleSite, form url.Values) (string, error) {
	client := site.settings.HTTPClient(route.NoRedirection)
	client.Timeout = 2 * route.CallTimeout
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, site.federation, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return "", hint.New(fmt.Errorf("AWS's sign-in has trouble of its own (HTTP %d)", response.StatusCode), "wait a minute, then try again")
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("%w (HTTP %d)", errNotFederated, response.StatusCode)
	}
	var answer struct{ SigninToken string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&answer); err != nil || answer.SigninToken == "" {
		return "", hint.New(fmt.Errorf("%s doesn't answer as AWS's sign-in does", request.URL.Host), "check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL, then try again")
	}
	return answer.SigninToken, nil
}
