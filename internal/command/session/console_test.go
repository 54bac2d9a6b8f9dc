package session

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"aws-accounts/accounts"
	"aws-accounts/internal/route"
)

func TestConsoleSite(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "")
	t.Setenv("AWS_ENDPOINT_URL_SIGNIN", "")
	file := (&accounts.File{
		Defaults: accounts.Defaults{Region: "eu-west-1"},
		Accounts: []accounts.Account{
			{Name: "main"}, {Name: "dev", RoleARN: "arn:aws:iam::1:role/R"}, {Name: "cn", RoleARN: "arn:aws-cn:iam::1:role/R"},
			{Name: "gov", RoleARN: "arn:aws-us-gov:iam::1:role/R", Region: "us-gov-east-1"}, {Name: "eu", RoleARN: "arn:aws-eusc:iam::1:role/R"},
			{Name: "iso", RoleARN: "arn:aws-iso-b:iam::1:role/R"}, {Name: "sso", SSO: &accounts.SSO{Session: "corp"}}, {Name: "cnbase", Region: "cn-northwest-1"},
			{Name: "chained", RoleARN: "arn:aws:iam::1:role/R", Source: "dev"},
		},
		SSOSessions: []accounts.SSOSession{{Name: "corp", Region: "us-gov-west-1"}},
	}).Indexed()
	for _, c := range []struct {
		name                    string
		command                 Console
		federation, destination string // "" for an error
	}{
		{"dev", Console{}, "https://signin.aws.amazon.com/federation", "https://console.aws.amazon.com/console/home?region=eu-west-1"},
		{"dev", Console{Service: "s3", Region: "us-west-2", Duration: 3600e9}, "https://signin.aws.amazon.com/federation", "https://console.aws.amazon.com/s3/home?region=us-west-2"},
		{"cn", Console{}, "https://signin.amazonaws.cn/federation", "https://console.amazonaws.cn/console/home?region=cn-north-1"},
		{"cnbase", Console{}, "https://signin.amazonaws.cn/federation", "https://console.amazonaws.cn/console/home?region=cn-northwest-1"},
		{"gov", Console{}, "https://signin.amazonaws-us-gov.com/federation", "https://console.amazonaws-us-gov.com/console/home?region=us-gov-east-1"},
		{"eu", Console{}, "https://eusc-de-east-1.signin.amazonaws-eusc.eu/federation", "https://console.amazonaws-eusc.eu/console/home?region=eusc-de-east-1"},
		{"iso", Console{}, "https://us-isob-east-1.signin.sc2shome.sgov.gov/federation", "https://console.sc2shome.sgov.gov/console/home?region=us-isob-east-1"},
		{"sso", Console{}, "https://signin.amazonaws-us-gov.com/federation", "https://console.amazonaws-us-gov.com/console/home?region=us-gov-west-1"},
		{"dev", Console{Region: "cn-north-1"}, "", ""},
		{"dev", Console{Region: "eu-west-1&x=y"}, "", ""},
		{"dev", Console{Service: "s3?x"}, "", ""},
		{"dev", Console{Service: "//evil.example/"}, "", ""},
		{"chained", Console{Duration: 3600e9}, "", ""},
	} {
		a, err := file.Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		site, err := c.command.site(a)
		switch {
		case c.federation == "" && err == nil:
			t.Errorf("%s %+v: %+v", c.name, c.command, site)
		case c.federation != "" && err != nil:
			t.Errorf("%s %+v: %v", c.name, c.command, err)
		case err == nil && (site.federation != c.federation || site.destination != c.destination):
			t.Errorf("%s %+v: %+v", c.name, c.command, site)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:1/")
	settings := func() *route.Settings {
		hop, err := route.HopOf(nil, "")
		if err != nil {
			t.Fatal(err)
		}
		return &hop.Settings
	}
	site, err := newConsoleSite("aws", "eu-west-1", "", settings())
	if err != nil || site.federation != "http://127.0.0.1:1/federation" {
		t.Error(site.federation)
	}
	t.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
	site, err = newConsoleSite("aws", "eu-west-1", "", settings())
	if err != nil || site.federation != "https://signin.aws.amazon.com/federation" {
		t.Error(site.federation)
	}
}

func TestInContainer(t *testing.T) {
	got := inContainer("a+b@c", "https://x/?a=b&c=d e")
	if want := "ext+container:name=a%2Bb%40c&url=https%3A%2F%2Fx%2F%3Fa%3Db%26c%3Dd%20e"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The browser's arguments have nothing of the link, and lead to it once.
func TestOpenHidden(t *testing.T) {
	const link = "https://signin.example/federation?SigninToken=MARKSECRET"
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(address string) (int, string, string) {
		response, err := client.Get(address)
		if err != nil {
			t.Error(err)
			return 0, "", ""
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, response.Header.Get("Location"), string(body)
	}
	err := openHidden(link, func(address string) error {
		if strings.Contains(address, "SECRET") || !strings.HasPrefix(address, "http://127.0.0.1:") {
			t.Errorf("the browser is given %s", address)
		}
		if status, location, _ := get(address + "x"); status != 404 || location != "" {
			t.Errorf("another address: %d %s", status, location)
		}
		if status, location, body := get(address); status != 303 || location != link || strings.Contains(body, "SECRET") {
			t.Errorf("%d %s %s", status, location, body)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	broken := errors.New("no display")
	if err := openHidden(link, func(string) error { return broken }); err != broken {
		t.Error(err)
	}
}
