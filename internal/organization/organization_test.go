package organization

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/internal/test/standin"
)

const management = "123456789012"

func config(client aws.HTTPClient, key standin.AccessKey) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: client, Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
		Retryer: func() aws.Retryer { return retry.NewStandard() },
	}
}

// start makes an organization of so many accounts, ten in each unit, and its stand-in.
func start(t *testing.T, accounts int) (*Organization, *standin.Server, []standin.OrgMember) {
	o := &standin.Organization{ManagementAccount: management}
	for i := range accounts {
		unit := fmt.Sprintf("ou-ab12-%08d", i/10)
		if i%10 == 0 {
			o.Units = append(o.Units, standin.OrgUnit{ID: unit})
		}
		o.Members = append(o.Members, standin.OrgMember{ID: fmt.Sprintf("2%011d", i), Name: fmt.Sprint(i), Parent: unit})
	}
	s := standin.Start(t, standin.Config{Users: []standin.User{{Account: management, Name: "me"}}, Organization: o})
	cfg := config(awshttp.NewBuildableClient(), s.Key("me"))
	cfg.BaseEndpoint = aws.String(s.URL())
	return New(cfg), s, o.Members
}

func ids(accounts []Account) (ids []string) {
	for _, a := range accounts {
		ids = append(ids, a.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A large organization is through sooner by its units, and nobody is missed.
func TestWalk(t *testing.T) {
	const accounts = 1000
	org, s, _ := start(t, accounts)
	s.Fault(standin.Fault{Operation: "ListAccounts", Kind: standin.Slow, Delay: 200 * time.Millisecond})
	all, err := org.Accounts(t.Context(), []string{"200000000999"})
	if err != nil || len(ids(all)) != accounts {
		t.Errorf("%d accounts, %v", len(ids(all)), err)
	}
	if n := s.Calls("ListAccounts"); n == accounts/int(*largestPage) {
		t.Errorf("%d pages: it was not walked", n)
	}
}

// A walk that lacks somebody doesn't count: he may have been moved meanwhile. Nor does one that fails.
func TestWalkThatMisses(t *testing.T) {
	const accounts = 400
	for name, trouble := range map[string]func(*standin.Server) []string{
		"one that is known":  func(*standin.Server) []string { return []string{"999999999999"} },
		"one that is listed": func(*standin.Server) []string { return nil },
		"refused": func(s *standin.Server) []string {
			s.Fault(standin.Fault{Operation: "ListRoots", Kind: standin.AccessDenied})
			return nil
		},
		"refused at one of the units": func(s *standin.Server) []string {
			s.Fault(standin.Fault{Operation: "ListAccountsForParent", Resource: "ou-ab12-00000007*", Kind: standin.AccessDenied})
			return nil
		},
	} {
		org, s, members := start(t, accounts)
		if name == "one that is listed" { // in a unit that no other one has
			members[3].Parent = "ou-ab12-lost"
			s.SetMembers(members...)
		}
		s.Fault(standin.Fault{Operation: "ListAccounts", Kind: standin.Slow, Delay: 20 * time.Millisecond})
		all, err := org.Accounts(t.Context(), trouble(s))
		if err != nil || len(ids(all)) != accounts || s.Calls("ListAccounts") != accounts/int(*largestPage) {
			t.Errorf("%s: %d accounts in %d pages, %v", name, len(ids(all)), s.Calls("ListAccounts"), err)
		}
	}
}

// Who is moved from a unit that hasn't been read to one that has, isn't gone.
func TestMovedMeanwhile(t *testing.T) {
	org, s, members := start(t, 100)
	s.Fault(standin.Fault{Operation: "ListAccountsForParent", Resource: "ou-ab12-00000009*", Kind: standin.Slow, Delay: 200 * time.Millisecond, Count: 1})
	moved := make(chan error)
	go func() {
		err := s.WaitCalls(t.Context(), "ListAccountsForParent", 11) // of the root and all units
		members[95].Parent = "ou-ab12-00000001"
		s.SetMembers(members...)
		moved <- err
	}()
	all, err := org.Below(t.Context(), "r-root", []string{members[95].ID})
	if merr := <-moved; err != nil || merr != nil {
		t.Fatal(err, merr)
	}
	if len(ids(all)) != 100 {
		t.Errorf("%d accounts", len(ids(all)))
	}
}

// A list that fails is no list.
func TestNothingOrAll(t *testing.T) {
	org, s, _ := start(t, 100)
	s.Fault(standin.Fault{Operation: "ListAccounts", Resource: "80", Kind: standin.Refusal, Status: 400, Code: "InvalidInputException"})
	all, err := org.Accounts(t.Context(), nil)
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "InvalidInputException" || all != nil {
		t.Errorf("%d accounts, %v", len(all), err)
	}
	if org.Seen() != 80 {
		t.Errorf("%d seen", org.Seen())
	}
	s.Fault(standin.Fault{Operation: "ListAccountsForParent", Resource: "ou-ab12-00000004*", Kind: standin.AccessDenied})
	if all, err := org.Below(t.Context(), "r-root", nil); err == nil || all != nil {
		t.Errorf("%d accounts, %v", len(all), err)
	}
}

// Each partition has the service in one region, which may be another than the one of its STS.
func TestEndpoints(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":      "us-east-1 organizations.us-east-1.amazonaws.com",
		"eu-west-1":      "us-east-1 organizations.us-east-1.amazonaws.com",
		"cn-north-1":     "cn-northwest-1 organizations.cn-northwest-1.amazonaws.com.cn",
		"us-gov-east-1":  "us-gov-west-1 organizations.us-gov-west-1.amazonaws.com",
		"eusc-de-east-1": "eusc-de-east-1 organizations.eusc-de-east-1.amazonaws.eu",
		"us-iso-west-1":  "us-iso-east-1 organizations.us-iso-east-1.c2s.ic.gov",
		"us-isob-east-1": "us-isob-east-1 organizations.us-isob-east-1.sc2s.sgov.gov",
		"eu-isoe-west-1": "eu-isoe-west-1 organizations.eu-isoe-west-1.cloud.adc-e.uk",
		"us-isof-east-1": "us-isof-south-1 organizations.us-isof-south-1.csp.hci.ic.gov",
	} {
		var asked string
		cfg := config(answering(func(r *http.Request) *http.Response {
			_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			asked = strings.Split(scope, "/")[2] + " " + r.URL.Host
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}
		}), standin.AccessKey{ID: "x", Secret: "y"})
		cfg.Region = region
		if _, err := New(cfg).Accounts(t.Context(), nil); err != nil || asked != want {
			t.Errorf("%s: asked at %s, want %s (%v)", region, asked, want, err)
		}
	}
}

type answering func(*http.Request) *http.Response

func (a answering) Do(r *http.Request) (*http.Response, error) { return a(r), nil }

// Whatever answers in AWS's place is an error of the SDK's kinds, or a list; it never goes on for ever.
func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"Accounts": [{"Id": "123456789012", "Arn": "arn:aws:organizations::1:account/o-1/2", "Status": "ACTIVE"}]}`))
	f.Add(200, []byte(`{"NextToken": "x"}`))
	f.Add(200, []byte(`{"Accounts": [{"Id": 1}]}`))
	f.Add(400, []byte(`{"__type": "com.amazonaws#AccessDeniedException", "Message": "no"}`))
	f.Add(400, []byte(`{"__type": "#", "message": "no", "Reason": "why"}`))
	f.Add(200, []byte("<html>"))
	f.Add(403, []byte{})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		cfg := config(answering(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}
		}), standin.AccessKey{ID: "x", Secret: "y"})
		cfg.Retryer = func() aws.Retryer { return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 1 }) }
		cfg.BaseEndpoint = aws.String("https://example.com")
		all, err := New(cfg).Accounts(context.Background(), nil)
		if err != nil && all != nil {
			t.Errorf("%d accounts, %v", len(all), err)
		}
		for _, a := range all {
			a.Place()
		}
		if _, ok := errors.AsType[*awshttp.ResponseError](err); err != nil && !ok && !strings.Contains(err.Error(), "again and again") {
			t.Errorf("%T %v", err, err)
		}
	})
}
