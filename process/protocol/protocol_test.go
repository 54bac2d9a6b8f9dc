package protocol

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/hint"
)

// Each variable that has another service issue sessions makes another variant, each value of it another one; what
// only says how AWS is reached makes none. No two of them can be taken for one another.
func TestVariantsAreOneIssuers(t *testing.T) {
	of := func(entries ...string) string {
		return VariantOf(func(name string) string {
			for _, entry := range entries {
				if value, ok := strings.CutPrefix(entry, name+"="); ok {
					return value
				}
			}
			return ""
		}, nil)
	}
	if v := of("AWS_REGION=eu-west-1", "AWS_PROFILE=x", "HTTPS_PROXY=http://x", "AWS_ENDPOINT_URL_S3=http://x",
		"AWS_CA_BUNDLE=x"); v != "" {
		t.Errorf("mere transport is the variant %q", v)
	}
	seen := map[string]string{"": "nothing"}
	add := func(what, v string) {
		if other, there := seen[v]; there {
			t.Errorf("%s is the variant of %s", what, other)
		}
		seen[v] = what
	}
	for _, name := range EndpointVariables {
		for _, value := range []string{"http://one", "http://two"} {
			add(name+"="+value, of(name+"="+value))
		}
	}
	add("two of them", of("AWS_ENDPOINT_URL=http://one", "AWS_ENDPOINT_URL_STS=http://one"))
	for _, elsewhere := range [][]string{{"config /a"}, {"config /b"}, {"credentials /a"},
		{"config /a", "credentials /a"}} {
		add(strings.Join(elsewhere, ", "), VariantOf(func(string) string { return "" }, elsewhere))
	}
}

// The environment's own variant knows where ~/.aws lies, and that the usual place by its own name is the usual one.
func TestVariantOfThisEnvironment(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, ".aws", "config"))
	if v := Variant(); v != "" {
		t.Errorf("the usual place is the variant %q", v)
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	one := Variant()
	t.Setenv("AWS_CONFIG_FILE", "")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "config"))
	if two := Variant(); one == "" || two == "" || one == two {
		t.Errorf("variants %q and %q", one, two)
	}
}

type writes struct {
	all []string
	err error
}

func (w *writes) Write(p []byte) (int, error) { w.all = append(w.all, string(p)); return len(p), w.err }

// The document is written at once, so that nobody reads a part of it; and what isn't known isn't in it.
func TestDocument(t *testing.T) {
	whole := Document{AccessKeyID: "ASIA", SecretAccessKey: "s", SessionToken: "t", AccountID: "987654321098",
		Expires: time.Date(2026, 11, 22, 13, 0, 0, 999, time.FixedZone("", 3600))}
	for _, c := range []struct {
		document Document
		want     string
	}{
		{whole, `{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t",` +
			`"Expiration":"2026-11-22T12:00:00Z","AccountId":"987654321098"}`},
		{Document{AccessKeyID: "AKIA", SecretAccessKey: "s"}, `{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s"}`},
	} {
		var w writes
		if err := c.document.Write(&w); err != nil || len(w.all) != 1 || w.all[0] != c.want+"\n" {
			t.Errorf("%q, %v", w.all, err)
		}
	}
	full := errors.New("no space left")
	if err := whole.Write(&writes{err: full}); !errors.Is(err, full) || strings.Contains(err.Error(), "ASIA") {
		t.Errorf("%v", err)
	}
}

// An attempt ends early enough for what it got to be kept, and the call before the minute that callers give it.
func TestLimits(t *testing.T) {
	if AttemptLimit >= CallLimit || CallLimit > 55*time.Second {
		t.Errorf("an attempt may take %v, a call %v", AttemptLimit, CallLimit)
	}
	if left := Remaining(CallLimit); left > CallLimit || left < CallLimit-time.Since(began)-time.Second {
		t.Errorf("%v left", left)
	}
	if err := NotFinished("dev"); !strings.HasPrefix(err.Error(), "dev: ") ||
		!strings.Contains(hint.Of(err), "doctor dev") {
		t.Errorf("%v, hint %q", err, hint.Of(err))
	}
}
