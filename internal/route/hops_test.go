package route

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
)

const keyFiles = "[base]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"

// A hop is had with the session of the one before where that is all there is, where MFA is part of it, and where
// what the route begins with would cost a call or a person's answer each time; else with what the route begins
// with.
func TestWhichHopsAreHadWithASession(t *testing.T) {
	const config = "[profile base]\n[profile role]\nrole_arn = arn:aws:iam::600000000000:role/R\n" +
		"source_profile = base\n[profile code]\nrole_arn = arn:aws:iam::600000000000:role/R\n" +
		"source_profile = base\nmfa_serial = GAHT12345678\n" +
		"[profile web]\nrole_arn = arn:aws:iam::600000000000:role/R\nweb_identity_token_file = /t\n"
	awsHome(t, config, keyFiles)
	for name, want := range map[string]bool{"static": false, "keychain": false, "environment": false, "instance": false,
		"MFA": true, "web identity": true, "SSO": true} {
		chain := chainFile(t, basesByKind[name])
		for i, want := range []bool{false, want, true} { // a role has nothing but its session
			way, err := To(&chain.Accounts[i])
			if err != nil {
				t.Fatal(err)
			}
			if got := way.Last().BySession; got != want {
				t.Errorf("%s: hop %d by session %v", name, i, got)
			}
		}
	}
	for profile, want := range map[string]bool{"base": false, "role": false, "code": true, "web": false} {
		chain := chainFile(t, strings.Replace(basesByKind["static"], `"base"`, `"`+profile+`"`, 1))
		way, err := To(&chain.Accounts[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := way.Last().BySession; got != want {
			t.Errorf("profile %s: by session %v", profile, got)
		}
		if way.First().BySession || way.First() == way.Last() {
			t.Errorf("profile %s: the first hop", profile)
		}
	}
	chain, err := accounts.Parse("f", []byte(`{"accounts": [`+basesByKind["MFA"]+`, {"name": "dev", "source": "main",
		"role_arn": "arn:aws:iam::987654321098:role/R", "mfa_serial": "GAHT12345678"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if way, err := To(&chain.Accounts[1]); err != nil || way.Last().BySession || way.Last().Device != "GAHT12345678" {
		t.Errorf("a role with a device of its own: %v", err)
	}
}

// The roles of two machines are two: each is known by who is asked for it and where, and can be another one
// without any file being changed.
func TestMachinesAreToldApart(t *testing.T) {
	chain := func() *Route {
		t.Helper()
		way, err := To(&chainFile(t, basesByKind["instance"]).Accounts[0])
		if err != nil {
			t.Fatal(err)
		}
		if host, _ := os.Hostname(); !way.Origin.Volatile || way.Origin.Machine != host {
			t.Error("it isn't of this machine, or counts as one of the files alone")
		}
		return way
	}
	seen := map[string]string{}
	for _, c := range []struct {
		set, address string
		kind         Kind
	}{
		{"", "", FromInstance},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1", "http://127.0.0.1:1", FromInstance},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/one", containerHost + "/one", FromContainer},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/two", containerHost + "/two", FromContainer},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/one", "http://127.0.0.1/one", FromContainer},
	} {
		noAWSFiles(t)
		if name, value, ok := strings.Cut(c.set, "="); ok {
			t.Setenv(name, value)
		}
		way := chain()
		if way.Origin.Kind != c.kind || way.Origin.Address != c.address {
			t.Errorf("%s: %s at %q", c.set, way.Origin.Kind, way.Origin.Address)
		}
		if other, there := seen[way.Identity()]; there {
			t.Errorf("%q has the session of %q", c.set, other)
		}
		seen[way.Identity()] = c.set
		other := *way
		other.Origin.Machine += "x"
		if other.Identity() == way.Identity() {
			t.Errorf("%q: another machine has the same session", c.set)
		}
	}
}

// A profile may say that it begins with the machine's role; one for a container is wrong where there is none.
func TestProfilesOfAMachine(t *testing.T) {
	const role = "role_arn = arn:aws:iam::600000000000:role/R\n"
	config := "[profile ecs]\n" + role + "credential_source = EcsContainer\n[profile ec2]\n" + role +
		"credential_source = Ec2InstanceMetadata\n"
	awsHome(t, config, "")
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	if o := profileOrigin(table.files, "ecs"); o.Kind != FromNothing || hint.Of(o.Why) == "" {
		t.Errorf("a container that isn't there: %+v", o)
	}
	t.Setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/one")
	if o := profileOrigin(table.files, "ecs"); o.Kind != FromContainer || !o.Volatile {
		t.Errorf("a container: %+v", o)
	}
	if o := profileOrigin(table.files, "ec2"); o.Kind != FromInstance || o.Address != "" || !o.Volatile {
		t.Errorf("an instance: %+v", o)
	}
}

// Without a word about credentials, a base begins at the default profile, and in the environment only where that
// has none.
func TestABaseThatSaysNothing(t *testing.T) {
	for _, c := range []struct {
		credentials, key string
		want             Kind
	}{
		{strings.Replace(keyFiles, "base", "default", 1), "AKIA2", FromKey}, {"", "AKIA2", FromEnvironment},
		{"", "", FromNothing},
	} {
		awsHome(t, "", c.credentials)
		t.Setenv("AWS_ACCESS_KEY_ID", c.key)
		way, err := To(&chainFile(t, `{"name": "main", "account_id": "123456789012"}`).Accounts[0])
		if err != nil || way.Origin.Kind != c.want {
			t.Errorf("%+v: begins with %s, %v", c, way.Origin.Kind, err)
		}
	}
}

// What an SDK would begin with here and now, in its own order.
func TestCurrentOrigin(t *testing.T) {
	for _, c := range []struct {
		set     []string
		kind    Kind
		profile string
	}{
		{nil, FromNothing, "default"},
		{[]string{"AWS_PROFILE=base"}, FromKey, "base"},
		{[]string{"AWS_DEFAULT_PROFILE=base"}, FromKey, "base"},
		{[]string{"AWS_PROFILE=base", "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=s"}, FromEnvironment, "base"},
		{[]string{"AWS_ACCESS_KEY_ID=AKIA"}, FromNothing, "default"},
		{[]string{"AWS_PROFILE=base", "AWS_WEB_IDENTITY_TOKEN_FILE=/t", "AWS_ROLE_ARN=arn:aws:iam::1:role/x"},
			FromWebIdentity, "base"},
		{[]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/one"}, FromContainer, "default"},
		{[]string{"AWS_PROFILE=base", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/one"}, FromKey, "base"},
	} {
		awsHome(t, "", keyFiles)
		for _, v := range c.set {
			name, value, _ := strings.Cut(v, "=")
			t.Setenv(name, value)
		}
		table, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		if o, profile := table.Current(); o.Kind != c.kind || profile != c.profile {
			t.Errorf("%q: %s, profile %s", c.set, o.Kind, profile)
		}
	}
}

// Which profiles start this program.
func TestCallsUs(t *testing.T) {
	awsHome(t, "[profile ours]\ncredential_process = /bin/aws-accounts process dev\n[profile on]\n"+
		"source_profile = ours\nrole_arn = arn:aws:iam::1:role/x\n[profile other]\n"+
		"credential_process = /bin/other process dev\n", keyFiles)
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]bool{"ours": true, "on": true, "other": false, "base": false, "gone": false} {
		if got := table.CallsUs(profile); got != want {
			t.Errorf("%s: %v", profile, got)
		}
	}
}

// The SDK's configuration has what the settings say, and gives up soon for who has a session to fall back on.
func TestConfig(t *testing.T) {
	awsHome(t, "[profile base]\nregion = eu-north-1\n", keyFiles)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
	t.Setenv("AWS_MAX_ATTEMPTS", "7")
	hop, err := HopOf(&chainFile(t, basesByKind["static"]).Accounts[1], "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := hop.Settings.Config(hop.Partition, nil, false)
	if hop.Region() != "eu-north-1" || cfg.Region != "eu-north-1" {
		t.Errorf("in %s", cfg.Region)
	}
	if n := cfg.Retryer().MaxAttempts(); n != 7 {
		t.Errorf("%d attempts", n)
	}
	if n := hop.Settings.Config(hop.Partition, nil, true).Retryer().MaxAttempts(); n != 1 {
		t.Errorf("who has a session to fall back on tries %d times", n)
	}
	if at := sts.NewFromConfig(cfg).Options().BaseEndpoint; at == nil || *at != "http://127.0.0.1:1" {
		t.Errorf("STS at %s", aws.ToString(at))
	}
	hop.Settings.FIPS, hop.Settings.DualStack = true, true
	sdk := hop.Settings.Config(hop.Partition, nil, false).ConfigSources[0].(sdkSettings)
	fips, saysFIPS, _ := sdk.GetUseFIPSEndpoint(t.Context())
	dual, saysDual, _ := sdk.GetUseDualStackEndpoint(t.Context())
	if fips != aws.FIPSEndpointStateEnabled || dual != aws.DualStackEndpointStateEnabled || !saysFIPS || !saysDual {
		t.Errorf("FIPS %v, dual stack %v", fips, dual)
	}
	hop.Settings.FIPS, hop.Settings.DualStack = false, false
	one := hop.Key()
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2")
	if other, err := HopOf(&chainFile(t, basesByKind["static"]).Accounts[1], ""); err != nil || other.Key() == one {
		t.Errorf("one client would make the calls of two endpoints: %v", err)
	}
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	if other, err := HopOf(nil, "base"); err != nil || other.Settings.Config("", nil,
		false).Retryer().MaxAttempts() != 7 {
		t.Errorf("adaptive: %v", err)
	}
}

// Nobody else gets what a request has, and only who has the certificates is asked.
func TestHTTPClient(t *testing.T) {
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	server := httptest.NewTLSServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	awsHome(t, "", "")
	hop, err := HopOf(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if response, err := hop.Settings.HTTPClient(NoRedirection).Get(server.URL); err == nil {
		response.Body.Close()
		t.Error("a certificate that nobody trusts is taken")
	}
	pool := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	hop.Settings.CABundle = pool
	response, err := hop.Settings.HTTPClient(NoRedirection).Get(server.URL)
	if err != nil || response.StatusCode != http.StatusTemporaryRedirect || asked {
		t.Errorf("%v; it was followed: %v", err, asked)
	}
	response.Body.Close()
}

// The endpoint of STS for each region, as all SDKs have it.
func TestSTSRegion(t *testing.T) {
	awsHome(t, "", "")
	for _, c := range []struct {
		settings Settings
		want     string
	}{
		{Settings{}, "eu-west-1"}, {Settings{GlobalSTS: true}, "aws-global"},
		{Settings{GlobalSTS: true, FIPS: true}, "eu-west-1"}, {Settings{GlobalSTS: true, DualStack: true}, "eu-west-1"},
	} {
		if got := c.settings.STSRegion("eu-west-1"); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
	if got := (&Settings{GlobalSTS: true}).STSRegion("af-south-1"); got != "af-south-1" {
		t.Errorf("a region that always had its own: %s", got)
	}
}

// The regions that tools have, and that the default profile names.
func TestRegionsOfProfiles(t *testing.T) {
	awsHome(t, "[default]\nregion = eu-west-3\n"+
		"[profile dev]\ncredential_process = aws-accounts process dev\nregion = eu-north-1\n", keyFiles)
	chain := chainFile(t, basesByKind["static"])
	dev := &chain.Accounts[1]
	if got := ProfileRegion(dev); got != "eu-north-1" {
		t.Errorf("the profile's: %s", got)
	}
	own := *dev
	own.Region = "ap-south-1"
	if got := ProfileRegion(&own); got != "ap-south-1" {
		t.Errorf("the account's: %s", got)
	}
	home, _ := os.UserHomeDir()
	config := filepath.Join(home, ".aws", "config")
	if err := os.Remove(config); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(config, 0o700); err != nil {
		t.Fatal(err)
	}
	if ProfileRegion(dev) != dev.EffectiveRegion() {
		t.Error("a file that can't be read names a region")
	}
	if _, err := To(dev); err == nil {
		t.Error("a way with a file that can't be read")
	}
	if _, err := HopOf(dev, ""); err == nil {
		t.Error("a hop with a file that can't be read")
	}
}
