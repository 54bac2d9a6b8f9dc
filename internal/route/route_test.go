package route

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"aws-accounts/accounts"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/process/protocol"
)

// awsHome makes a ~/.aws of its own for the test, with these files, and an environment without any setting.
func awsHome(t *testing.T, configFile, credentials string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for name, content := range map[string]string{"config": configFile, "credentials": credentials} {
		if err := errors.Join(os.MkdirAll(filepath.Join(home, ".aws"), 0o700), os.WriteFile(filepath.Join(home, ".aws", name), []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func noAWSFiles(t *testing.T) { t.Helper(); awsHome(t, "[default]\n", "") }

func identityOf(t *testing.T, a *accounts.Account) string {
	t.Helper()
	route, err := To(a)
	if err != nil {
		t.Fatal(err)
	}
	return route.Identity()
}

// fields visits every field that can be reached from a Route, each once.
func fields(t reflect.Type, seen map[reflect.Type]bool, visit func(reflect.Type, reflect.StructField)) {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] || t.PkgPath() != reflect.TypeFor[Route]().PkgPath() {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		visit(t, t.Field(i))
		fields(t.Field(i).Type, seen, visit)
	}
}

// Whoever adds a field has to say whether it identifies the session or only says how AWS is reached.
func TestEachFieldOfARouteIsMarked(t *testing.T) {
	n := 0
	fields(reflect.TypeFor[Route](), map[reflect.Type]bool{}, func(in reflect.Type, f reflect.StructField) {
		n++
		if mark := f.Tag.Get("route"); mark != "identifying" && mark != "transport" {
			t.Errorf("%s.%s is marked %q: neither identifying nor transport", in.Name(), f.Name, mark)
		}
	})
	if n < 50 {
		t.Errorf("only %d fields were found", n)
	}
}

// other is another value than v's.
func other(v reflect.Value) reflect.Value {
	o := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		o.SetString(v.String() + "x")
	case reflect.Bool:
		o.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		o.SetInt(v.Int() + 1)
	case reflect.Slice:
		o.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
	case reflect.Map:
		o.Set(reflect.MakeMap(v.Type()))
		o.SetMapIndex(reflect.ValueOf("other"), reflect.New(v.Type().Elem()).Elem())
	case reflect.Pointer:
		o.Set(reflect.New(v.Type().Elem()))
	case reflect.Func:
		o.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf("x")} }))
	}
	return o
}

// Another value of an identifying field is another session; one of a transport field isn't.
func TestIdentityIsTheIdentifyingFields(t *testing.T) {
	whole := func() *Route {
		return &Route{Origin: Origin{Roles: []ProfileRole{{}}}, Hops: []Hop{{}, {}}}
	}
	before := whole().Identity()
	try := func(name string, change func(*Route) reflect.Value) {
		in := change(whole()).Type()
		for i := range in.NumField() {
			f := in.Field(i)
			if f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == reflect.TypeFor[Route]().PkgPath() {
				continue // its own fields are tried
			}
			r := whole()
			v := change(r).Field(i)
			v.Set(other(v))
			if changed := r.Identity() != before; changed != (f.Tag.Get("route") == "identifying") {
				t.Errorf("%s.%s is marked %s, and another value makes another identity: %v", name, f.Name, f.Tag.Get("route"), changed)
			}
		}
	}
	try("Route", func(r *Route) reflect.Value { return reflect.ValueOf(r).Elem() })
	try("Origin", func(r *Route) reflect.Value { return reflect.ValueOf(&r.Origin).Elem() })
	try("ProfileRole", func(r *Route) reflect.Value { return reflect.ValueOf(&r.Origin.Roles[0]).Elem() })
	try("Hop", func(r *Route) reflect.Value { return reflect.ValueOf(&r.Hops[1]).Elem() })
	try("Settings", func(r *Route) reflect.Value { return reflect.ValueOf(&r.Hops[1].Settings).Elem() })
}

// chainFile has a base that begins in each way, and two roles behind it.
func chainFile(t *testing.T, base string) *accounts.File {
	t.Helper()
	file, err := accounts.Parse("accounts.json", []byte(`{"accounts": [`+base+`,
		{"name": "dev", "account_id": "987654321098", "role_arn": "arn:aws:iam::987654321098:role/R", "source": "main"},
		{"name": "prod", "account_id": "555555555555", "role_arn": "arn:aws:iam::555555555555:role/R", "source": "dev"}],
		"sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var basesByKind = map[string]string{
	"static":       `{"name": "main", "account_id": "123456789012", "credentials": {"profile": "base"}}`,
	"MFA":          `{"name": "main", "account_id": "123456789012", "credentials": {"profile": "base"}, "mfa_serial": "arn:aws:iam::123456789012:mfa/me"}`,
	"keychain":     `{"name": "main", "account_id": "123456789012", "credentials": {"keychain": true}}`,
	"environment":  `{"name": "main", "account_id": "123456789012", "credentials": {"environment": true}}`,
	"instance":     `{"name": "main", "account_id": "123456789012", "credentials": {"instance": true}}`,
	"web identity": `{"name": "main", "credentials": {"web_identity_token_file": "/token", "role_arn": "arn:aws:iam::123456789012:role/W"}}`,
	"SSO":          `{"name": "main", "account_id": "123456789012", "sso": {"session": "corp", "role_name": "R"}}`,
}

// Each setting, wherever it may be set, counts for each hop of a chain of each kind of base alike.
func TestSettingsCountForEachHop(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, certificate(t), 0o600); err != nil {
		t.Fatal(err)
	}
	type setting struct {
		name, variable, line string // the line may name a section, made below
		has                  func(h *Hop) any
		want                 any
	}
	settings := []setting{
		{"region", "AWS_REGION=ap-south-1", "region = ap-south-1", func(h *Hop) any { return h.Region() }, "ap-south-1"},
		{"default region", "AWS_DEFAULT_REGION=ap-south-1", "region = ap-south-1", func(h *Hop) any { return h.Region() }, "ap-south-1"},
		{"endpoint of all", "AWS_ENDPOINT_URL=https://lab.example.com/", "endpoint_url = https://lab.example.com/", func(h *Hop) any { return h.Issuer }, "https://lab.example.com"},
		{"endpoint of STS", "AWS_ENDPOINT_URL_STS=https://sts.lab", "services = lab", func(h *Hop) any { return h.Settings.Endpoint("STS") }, "https://sts.lab"},
		{"FIPS", "AWS_USE_FIPS_ENDPOINT=TRUE", "use_fips_endpoint = true", func(h *Hop) any { return h.Settings.FIPS }, true},
		{"dual stack", "AWS_USE_DUALSTACK_ENDPOINT=true", "use_dualstack_endpoint = true", func(h *Hop) any { return h.Settings.DualStack }, true},
		{"legacy STS", "AWS_STS_REGIONAL_ENDPOINTS=legacy", "sts_regional_endpoints = legacy", func(h *Hop) any { return h.Settings.GlobalSTS }, true},
		{"CA bundle", "AWS_CA_BUNDLE=" + bundle, "ca_bundle = " + bundle, func(h *Hop) any { return h.Settings.CABundle != nil }, true},
		{"retry mode", "AWS_RETRY_MODE=adaptive", "retry_mode = adaptive", func(h *Hop) any { return string(h.Settings.RetryMode) }, "adaptive"},
		{"legacy retries", "AWS_RETRY_MODE=legacy", "retry_mode = legacy", func(h *Hop) any { return string(h.Settings.RetryMode) }, "standard"},
		{"attempts", "AWS_MAX_ATTEMPTS=7", "max_attempts = 7", func(h *Hop) any { return h.Settings.MaxAttempts }, 7},
		{"no attempts", "AWS_MAX_ATTEMPTS=0", "max_attempts = 0", func(h *Hop) any { return h.Settings.MaxAttempts }, 1},
	}
	const services = "\n[services lab]\nsts =\n  endpoint_url = https://sts.lab\n"
	for _, s := range settings {
		for kind, base := range basesByKind {
			profile := map[bool]string{true: "[profile base]\n", false: "[default]\n"}[kind == "static" || kind == "MFA"]
			for place, config := range map[string]string{
				"environment":    "[profile base]\n[default]\n",
				"base's profile": profile + s.line + "\n",
				"account's profile": "[profile base]\n[profile main]\ncredential_process = aws-accounts process main\n" + s.line +
					"\n[profile dev]\ncredential_process = aws-accounts process dev\n" + s.line + "\n[profile prod]\ncredential_process = aws-accounts process prod\n" + s.line + "\n",
			} {
				t.Run(strings.Join([]string{s.name, kind, place}, "/"), func(t *testing.T) {
					awsHome(t, config+services, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
					if place == "environment" {
						name, text, _ := strings.Cut(s.variable, "=")
						t.Setenv(name, text)
					}
					file := chainFile(t, base)
					prod, err := file.Find("prod")
					if err != nil {
						t.Fatal(err)
					}
					route, err := To(prod)
					if err != nil {
						t.Fatal(err)
					}
					if len(route.Hops) != 3 {
						t.Fatalf("%d hops", len(route.Hops))
					}
					for i := range route.Hops {
						if h := &route.Hops[i]; h.Account.SSO == nil && s.has(h) != s.want {
							t.Errorf("at the hop to %s: %v, not %v", h.Name, s.has(h), s.want)
						}
					}
				})
			}
		}
	}
}

// The first that is set counts: the environment, the entry, the account's profile, the base's profile, the defaults, the partition's own.
func TestSettingsOrder(t *testing.T) {
	const all = "[profile base]\nregion = eu-west-3\n[profile dev]\ncredential_process = aws-accounts process dev\nregion = eu-west-2\n"
	file := func(region, defaults string) *accounts.Account {
		f, err := accounts.Parse("accounts.json", []byte(`{"defaults": {`+defaults+`}, "accounts": [`+basesByKind["static"]+`,
			{"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/R"`+region+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return &f.Accounts[1]
	}
	for _, c := range []struct{ variable, entry, config, defaults, want string }{
		{"us-west-2", `, "region": "eu-west-1"`, all, `"region": "eu-north-1"`, "us-west-2"},
		{"", `, "region": "eu-west-1"`, all, `"region": "eu-north-1"`, "eu-west-1"},
		{"", "", all, `"region": "eu-north-1"`, "eu-west-2"},
		{"", "", "[profile base]\nregion = eu-west-3\n", `"region": "eu-north-1"`, "eu-west-3"},
		{"", "", "[profile base]\n[default]\nregion = sa-east-1\n", `"region": "eu-north-1"`, "eu-north-1"},
		{"", "", "[profile base]\n[default]\nregion = sa-east-1\n", "", "us-east-1"},
		{"cn-north-1", "", "[profile base]\nregion = us-gov-west-1\n", "", "us-east-1"}, // of other partitions
		{"cn-north-1", `, "region": "eu-west-1"`, all, "", "eu-west-1"},
	} {
		awsHome(t, c.config, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
		if c.variable != "" {
			t.Setenv("AWS_REGION", c.variable)
		}
		route, err := To(file(c.entry, c.defaults))
		if err != nil || route.Last().Region() != c.want {
			t.Errorf("%+v: %v, %v", c, route, err)
		}
	}
}

// Roles of a key in the keychain ask where they asked when it was in a profile, whose region its entry keeps.
func TestRegionOfABaseInTheKeychain(t *testing.T) {
	for _, c := range []struct{ base, entry, defaults, config, want string }{
		{`, "region": "me-south-1"`, "", "", "", "me-south-1"},
		{`, "region": "me-south-1"`, "", "", "[default]\nregion = sa-east-1\n", "me-south-1"},
		{`, "region": "me-south-1"`, "", `"region": "eu-north-1"`, "", "me-south-1"},
		{`, "region": "me-south-1"`, `, "region": "eu-west-1"`, "", "", "eu-west-1"},
		{`, "region": "cn-north-1"`, "", "", "", "us-east-1"}, // of another partition than the role
		{"", "", "", "[default]\nregion = sa-east-1\n", "sa-east-1"},
	} {
		awsHome(t, c.config, "")
		f, err := accounts.Parse("accounts.json", []byte(`{"defaults": {`+c.defaults+`}, "accounts": [
			{"name": "main", "credentials": {"keychain": true}`+c.base+`},
			{"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/R"`+c.entry+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		route, err := To(&f.Accounts[1])
		if err != nil || route.Last().Region() != c.want {
			t.Errorf("%+v: %v, %v", c, route, err)
		}
	}
}

// A bad value names the variable, or the file and its line, and one step; the value of a proxy isn't shown.
func TestWrongSettings(t *testing.T) {
	for _, c := range []struct{ variable, config, says, hint string }{
		{"AWS_REGION=us-east-1 ", "", `AWS_REGION: "us-east-1 " is not a region`, "`unset AWS_REGION`"},
		{"", "region = eu west", `region in line 2 of ~/.aws/config: "eu west" is not a region`, "correct line 2 of ~/.aws/config"},
		{"AWS_CA_BUNDLE=/none", "", "AWS_CA_BUNDLE: the CA bundle /none can't be read", "`unset AWS_CA_BUNDLE`"},
		{"", "ca_bundle = /none", "ca_bundle in line 2 of ~/.aws/config: the CA bundle /none can't be read", "correct line 2"},
		{"AWS_CA_BUNDLE=/dev/null", "", "AWS_CA_BUNDLE: /dev/null holds no certificate", "`unset AWS_CA_BUNDLE`"},
		{"AWS_MAX_ATTEMPTS=abc", "", `AWS_MAX_ATTEMPTS: "abc" is not a number`, "`unset AWS_MAX_ATTEMPTS`"},
		{"", "max_attempts = -1", `max_attempts in line 2 of ~/.aws/config: "-1" is not a number`, "correct line 2"},
		{"AWS_RETRY_MODE=bogus", "", `AWS_RETRY_MODE: "bogus" can be standard, adaptive or legacy`, "`unset AWS_RETRY_MODE`"},
		{"AWS_STS_REGIONAL_ENDPOINTS=x", "", `AWS_STS_REGIONAL_ENDPOINTS: "x" can be regional or legacy`, "`unset AWS_STS_REGIONAL_ENDPOINTS`"},
		{"AWS_ENDPOINT_URL=localhost:4566", "", "AWS_ENDPOINT_URL: it is no address", "`unset AWS_ENDPOINT_URL`"},
		{"AWS_ENDPOINT_URL_STS=//x", "", "AWS_ENDPOINT_URL_STS: it is no address", "`unset AWS_ENDPOINT_URL_STS`"},
		{"", "endpoint_url = nowhere", "endpoint_url in line 2 of ~/.aws/config: it is no address", "correct line 2"},
		{"AWS_ENDPOINT_URL=http://lab", "use_fips_endpoint = true",
			"AWS_ENDPOINT_URL: an endpoint of your own can't be used together with use_fips_endpoint in line 2 of ~/.aws/config",
			"`unset AWS_ENDPOINT_URL`"},
		{"AWS_USE_DUALSTACK_ENDPOINT=true", "endpoint_url = http://lab",
			"endpoint_url in line 2 of ~/.aws/config: an endpoint of your own can't be used together with AWS_USE_DUALSTACK_",
			"correct line 2"},
		{"HTTPS_PROXY=proxy host:99x", "", "HTTPS_PROXY: it is not the address of a proxy", "`unset HTTPS_PROXY`"},
		{"https_proxy=ftp://me:SECRET@x", "", "https_proxy: it is not the address of a proxy", "`unset https_proxy`"},
	} {
		t.Run(cmp.Or(c.variable, c.config), func(t *testing.T) {
			awsHome(t, "[profile base]\n"+c.config+"\n", "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
			if name, text, ok := strings.Cut(c.variable, "="); ok {
				t.Setenv(name, text)
			}
			config := strings.NewReplacer("~/.aws/config", filepath.FromSlash("~/.aws/config"))
			c.says, c.hint = config.Replace(c.says), config.Replace(c.hint)
			if runtime.GOOS == "windows" { // one variable, however it is written
				proxy := strings.NewReplacer("https_proxy", "HTTPS_PROXY")
				c.says, c.hint = proxy.Replace(c.says), proxy.Replace(c.hint)
			}
			_, err := To(&chainFile(t, basesByKind["static"]).Accounts[1])
			if err == nil || !strings.HasPrefix(err.Error(), c.says) || !strings.HasPrefix(hint.Of(err), c.hint) || strings.Contains(err.Error()+hint.Of(err), "SECRET") {
				t.Errorf("%v\nhint: %s", err, hint.Of(err))
			}
		})
	}
}

// Transport costs no new session; another endpoint is another issuer, in the keychain too.
func TestWhatAnotherEnvironmentCosts(t *testing.T) {
	const config = "[profile base]\n[profile dev]\ncredential_process = aws-accounts process dev\n"
	now := func(t *testing.T, variable string) (identity, variant string) {
		awsHome(t, config, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
		if name, text, ok := strings.Cut(variable, "="); ok {
			t.Setenv(name, text)
		}
		return identityOf(t, &chainFile(t, basesByKind["static"]).Accounts[1]), protocol.Variant()
	}
	identity, variant := now(t, "")
	if variant != "" {
		t.Errorf("the usual environment is the variant %q", variant)
	}
	for variable, same := range map[string]bool{
		"AWS_REGION=eu-west-1": true, "HTTPS_PROXY=http://proxy:1": true, "AWS_USE_FIPS_ENDPOINT=true": true, "AWS_MAX_ATTEMPTS=2": true,
		"AWS_PROFILE=x": true, "AWS_ENDPOINT_URL_S3=http://minio": true, "AWS_STS_REGIONAL_ENDPOINTS=legacy": true,
		"AWS_ENDPOINT_URL=http://lab": false, "AWS_ENDPOINT_URL_STS=http://lab": false,
	} {
		i, v := now(t, variable)
		if (i == identity) != same || (v == variant) != same {
			t.Errorf("%s: the same identity %v, the same item %v; want %v", variable, i == identity, v == variant, same)
		}
	}
	a, va := now(t, "AWS_ENDPOINT_URL=http://one")
	if b, vb := now(t, "AWS_ENDPOINT_URL=http://two"); a == b || va == vb {
		t.Error("two endpoints share an item")
	}
}

// What a profile of ~/.aws begins with is what aws-sdk-go-v2 makes of it, refusals included.
func TestOriginIsTheSDKs(t *testing.T) {
	const keys = "aws_access_key_id = AKIA%s\naws_secret_access_key = s\n"
	profiles := map[string]string{
		"static": fmt.Sprintf(keys, "1"), "empty": "region = eu-west-1\n", "half": "aws_access_key_id = AKIA\n",
		"token":       fmt.Sprintf(keys, "2") + "aws_session_token = t\n",
		"role":        "role_arn = arn:aws:iam::600000000000:role/A\nsource_profile = static\nexternal_id = x1\nduration_seconds = 3600\n",
		"chain":       "role_arn = arn:aws:iam::600000000000:role/B\nsource_profile = role\n",
		"self":        "role_arn = arn:aws:iam::600000000000:role/C\nsource_profile = self\n" + fmt.Sprintf(keys, "3"),
		"selfempty":   "role_arn = arn:aws:iam::600000000000:role/C\nsource_profile = selfempty\n",
		"circle":      "role_arn = arn:aws:iam::600000000000:role/C\nsource_profile = circle2\n",
		"circle2":     "role_arn = arn:aws:iam::600000000000:role/C\nsource_profile = circle\n",
		"keysandrole": "role_arn = arn:aws:iam::600000000000:role/D\nsource_profile = static\n" + fmt.Sprintf(keys, "4"),
		"onkeysrole":  "role_arn = arn:aws:iam::600000000000:role/E\nsource_profile = keysandrole\n",
		"norole":      "source_profile = static\n", "roleonly": "role_arn = arn:aws:iam::600000000000:role/F\n",
		"missing": "role_arn = arn:aws:iam::600000000000:role/F\nsource_profile = gone\n",
		"onempty": "role_arn = arn:aws:iam::600000000000:role/F\nsource_profile = empty\n",
		"both":    "role_arn = arn:aws:iam::600000000000:role/F\nsource_profile = static\ncredential_source = Environment\n",
		"env":     "role_arn = arn:aws:iam::600000000000:role/F\ncredential_source = Environment\n",
		"ec2":     "role_arn = arn:aws:iam::600000000000:role/F\ncredential_source = Ec2InstanceMetadata\n",
		"odd":     "role_arn = arn:aws:iam::600000000000:role/F\ncredential_source = Moon\n",
		"process": "credential_process = /bin/true x\n", "processandsource": "credential_process = x\nrole_arn = arn:aws:iam::600000000000:role/F\nsource_profile = static\n",
		"onprocess": "role_arn = arn:aws:iam::600000000000:role/F\nsource_profile = process\n",
		"web":       "role_arn = arn:aws:iam::600000000000:role/W\nweb_identity_token_file = /t\nrole_session_name = me\n",
		"webonly":   "web_identity_token_file = /t\n",
		"sso":       "sso_session = corp\nsso_account_id = 600000000000\nsso_role_name = R\n", "ssohalf": "sso_session = corp\nsso_account_id = 600000000000\n",
		"ssonone":   "sso_session = gone\nsso_account_id = 600000000000\nsso_role_name = R\n",
		"ssoother":  "sso_session = corp\nsso_account_id = 600000000000\nsso_role_name = R\nsso_region = eu-west-2\n",
		"ssolegacy": "sso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 600000000000\nsso_role_name = R\n",
		"onsso":     "role_arn = arn:aws:iam::600000000000:role/F\nsource_profile = sso\n",
		"login":     "login_session = arn:aws:iam::600000000000:user/me\nregion = eu-west-1\n",
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		fmt.Fprintf(&text, "[profile %s]\n%s\n", name, profiles[name])
	}
	text.WriteString("[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start # a comment\nsso_region = eu-west-1\n")
	awsHome(t, text.String(), "")
	files, err := dotaws.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	home, _ := os.UserHomeDir()
	for name := range profiles {
		sdk, theirs := config.LoadSharedConfigProfile(t.Context(), name, func(o *config.LoadSharedConfigOptions) {
			o.ConfigFiles, o.CredentialsFiles = []string{filepath.Join(home, ".aws", "config")}, []string{filepath.Join(home, ".aws", "credentials")}
		})
		if theirs == nil { // what is found only when credentials are resolved
			cfg := config.WithSharedConfigProfile(name)
			_, theirs = config.LoadDefaultConfig(t.Context(), cfg, config.WithSharedConfigFiles([]string{filepath.Join(home, ".aws", "config")}),
				config.WithSharedCredentialsFiles([]string{filepath.Join(home, ".aws", "credentials")}))
		}
		ours := profileOrigin(files, name)
		if late := name == "ssohalf"; (ours.Kind == FromNothing) && !late && theirs == nil && name != "empty" && name != "roleonly" || theirs != nil && ours.Kind != FromNothing {
			t.Errorf("%s: ours %v, the SDK's %v", name, ours.Why, theirs)
			continue
		}
		if ours.Kind == FromNothing {
			continue
		}
		first, roles := &sdk, []string(nil)
		for {
			if first.RoleARN != "" && first.WebIdentityTokenFile == "" {
				roles = append(roles, first.RoleARN)
			}
			if first.Source == nil {
				break
			}
			first = first.Source
		}
		slices.Reverse(roles)
		var got []string
		for _, r := range ours.Roles {
			got = append(got, r.ARN)
		}
		if !slices.Equal(got, roles) {
			t.Errorf("%s: roles %q, the SDK's %q", name, got, roles)
		}
		kind := FromNothing
		switch {
		case first.Credentials.HasKeys():
			kind = FromKey
		case first.CredentialSource == "Environment":
			kind = FromEnvironment
		case first.CredentialSource != "":
			kind = FromInstance
		case first.WebIdentityTokenFile != "":
			kind = FromWebIdentity
		case first.SSOAccountID != "":
			kind = FromSSO
		case first.LoginSession != "":
			kind = FromLogin
		case first.CredentialProcess != "":
			kind = FromProcess
		}
		if ours.Kind != kind || ours.KeyID != first.Credentials.AccessKeyID || ours.Command != first.CredentialProcess {
			t.Errorf("%s: begins with %s, the SDK with %s", name, ours.Kind, kind)
		}
		if first.SSOSession != nil && (ours.StartURL != first.SSOSession.SSOStartURL || ours.Region != first.SSOSession.SSORegion) {
			t.Errorf("%s: signs in at %s in %s", name, ours.StartURL, ours.Region)
		}
	}
}

// A role over what is a role's session already lasts an hour at most, and one code of a base serves all its roles.
func TestDurationsAsAWSAllows(t *testing.T) {
	const config = "[profile role]\nrole_arn = arn:aws:iam::600000000000:role/R\nsource_profile = base\n[profile base]\n[profile process]\ncredential_process = x\n" +
		"[profile console]\nlogin_session = x\nregion = us-east-1\n[profile corp]\nsso_start_url = https://corp.awsapps.com/start\n" +
		"sso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = R\n"
	for _, c := range []struct {
		base, dev string
		env       string
		want      time.Duration
		device    bool
	}{
		{`{"name": "main", "credentials": {"profile": "base"}}`, `"duration": "2h"`, "", 2 * time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "role"}}`, `"duration": "2h"`, "", time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "corp"}}`, `"duration": "2h"`, "", time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "console"}}`, `"duration": "2h"`, "", time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "process"}}`, `"duration": "2h"`, "", 2 * time.Hour, false},
		{`{"name": "main", "credentials": {"environment": true}}`, `"duration": "2h"`, "", 2 * time.Hour, false},
		{`{"name": "main", "credentials": {"environment": true}}`, `"duration": "2h"`, "t", time.Hour, false},
		{`{"name": "main", "credentials": {"instance": true}}`, `"duration": "2h"`, "", 2 * time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "base"}, "mfa_serial": "GAHT12345678"}`, `"description": "as the defaults say"`, "", time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "base"}, "mfa_serial": "GAHT12345678"}`, `"duration": "2h"`, "", 2 * time.Hour, true},
		{`{"name": "main", "credentials": {"profile": "base"}, "mfa_serial": "GAHT12345678"}`, `"mfa_serial": "GAHT12345678"`, "", time.Hour, false},
		{`{"name": "main", "credentials": {"profile": "base"}, "mfa_serial": "GAHT12345678"}`, `"mfa_serial": "GAHT12345678", "duration": "2h"`, "", 2 * time.Hour, true},
		{`{"name": "main", "credentials": {"profile": "base"}, "mfa_serial": "GAHT12345678"}`, `"mfa_serial": "GAHT87654321"`, "", 2 * time.Hour, true},
	} {
		awsHome(t, config, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
		t.Setenv("AWS_SESSION_TOKEN", c.env)
		f, err := accounts.Parse("f", []byte(`{"defaults": {"duration": "2h"}, "accounts": [`+c.base+`, {"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/R", `+c.dev+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		routes, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		if notes := f.Notes(routes.Temporary); (len(notes) > 0) != (c.want < 2*time.Hour) {
			t.Errorf("%s, %s: %v", c.base, c.dev, notes)
		}
		route, err := routes.To(&f.Accounts[1])
		if err != nil {
			t.Fatal(err)
		}
		if h := route.Last(); h.Duration != c.want || (h.Device != "") != c.device {
			t.Errorf("%s, %s: %s, device %q", c.base, c.dev, h.Duration, h.Device)
		}
	}
}

// The endpoint of a service that is called rarely is checked when it is called, and says where it is set.
func TestEndpointOfOneService(t *testing.T) {
	const config = "[profile base]\nservices = lab\n" +
		"[services lab]\niam =\n  endpoint_url = lab.example.com\norganizations =\n  endpoint_url = https://lab.example.com/\n"
	awsHome(t, config, "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
	t.Setenv("AWS_ENDPOINT_URL", "") // as Compose files set it
	route, err := To(&chainFile(t, basesByKind["static"]).Accounts[1])
	if err != nil {
		t.Fatal(err)
	}
	cfg := route.Last().Settings.Config("aws", aws.AnonymousCredentials{}, false)
	_, err = iam.NewFromConfig(cfg).GetUser(t.Context(), &iam.GetUserInput{})
	if err == nil || !strings.Contains(err.Error(), "endpoint_url in line 5 of "+filepath.FromSlash("~/.aws/config")+": it is no address") {
		t.Error(err)
	}
	if got := organizations.NewFromConfig(cfg).Options().BaseEndpoint; got == nil || *got != "https://lab.example.com" {
		t.Errorf("%v", got)
	}
}

// At an endpoint that isn't AWS's own there is no region called aws-global to sign for.
func TestGlobalSTSIsAWSs(t *testing.T) {
	for variable, want := range map[string]string{
		"": "aws-global", "AWS_ENDPOINT_URL_S3": "aws-global", "AWS_ENDPOINT_URL": "eu-west-1", "AWS_ENDPOINT_URL_STS": "eu-west-1",
	} {
		awsHome(t, "[profile base]\nsts_regional_endpoints = legacy\n",
			"[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n")
		if variable != "" {
			t.Setenv(variable, "http://lab")
		}
		route, err := To(&chainFile(t, basesByKind["static"]).Accounts[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := route.Last().Settings.STSRegion("eu-west-1"); got != want {
			t.Errorf("with %s: %s, not %s", variable, got, want)
		}
	}
}

// certificate is nobody's, in PEM form.
func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
