package identitycenter

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"aws-accounts/cache"
)

func whole() token {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return token{
		Layout: layout, Session: "corp", StartURL: "https://corp.awsapps.com/start", Region: "eu-west-1", Scopes: []string{"sso:account:access"},
		ClientID: "id", ClientSecret: "hush-client", ClientExpires: now.Add(time.Hour),
		AccessToken: "hush-access", Issued: now, Expires: now.Add(time.Hour), RefreshToken: "hush-refresh",
	}
}

func TestParseToken(t *testing.T) {
	for name, spoil := range map[string]func(*token){
		"of another layout":   func(t *token) { t.Layout = 2 },
		"of another session":  func(t *token) { t.Session = "lab" },
		"no start URL":        func(t *token) { t.StartURL = "" },
		"no region":           func(t *token) { t.Region = "" },
		"no client":           func(t *token) { t.ClientID = "" },
		"no client secret":    func(t *token) { t.ClientSecret = "" },
		"no access token":     func(t *token) { t.AccessToken = "" },
		"no end":              func(t *token) { t.Expires = time.Time{} },
		"ends before it does": func(t *token) { t.Expires = t.Issued },
	} {
		item := whole()
		spoil(&item)
		data, _ := json.Marshal(item)
		if _, err := parseToken("corp", data); !errors.Is(err, cache.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	data, _ := json.Marshal(whole())
	if _, err := parseToken("CORP", data); err != nil {
		t.Errorf("in another case: %v", err)
	}
	item := whole()
	item.RefreshToken = ""
	data, _ = json.Marshal(item)
	if got, err := parseToken("corp", data); err != nil || got.renewable(got.Issued) {
		t.Errorf("without a refresh token: %+v, %v", got, err)
	}
}

// Half an item is no item, and its text never shows in an error.
func FuzzParseToken(f *testing.F) {
	data, _ := json.Marshal(whole())
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"layout":"hush"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseToken("corp", data)
		if err != nil {
			if !errors.Is(err, cache.ErrCorrupt) || strings.Contains(err.Error(), "hush") {
				t.Error(err)
			}
			return
		}
		if got.AccessToken == "" || got.ClientSecret == "" || !got.Expires.After(got.Issued) {
			t.Errorf("%+v is no whole token", got)
		}
	})
}

func TestOAuthWord(t *testing.T) {
	for in, want := range map[string]string{"invalid_request": "invalid_request", "": "", "\x1b[2J": "an error", "Invalid": "an error"} {
		if got := oauthWord(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
