//go:build !windows

package stage

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// A shape is what a call to AWS is to look like.
type shape struct {
	region           string
	fips, dualStack  bool
	legacySTS        bool
	endpoint, forSTS string // hosts
	ignoresEndpoints bool
}

// at is where a service of AWS's is asked, and the region that the call is signed for; "" for one that isn't signed.
func (s shape) at(service string) (host, region string) {
	const global = "us-east-1" // where the services live that have no regions
	host, region = service, s.region
	switch service {
	case "sso":
		host = "portal.sso"
	case "sso-oidc":
		host = "oidc"
	}
	custom := s.endpoint
	if service == "sts" {
		custom = cmp.Or(s.forSTS, s.endpoint)
	}
	switch unsigned := service == "sso" || service == "sso-oidc" || service == "signin"; {
	case custom != "" && !s.ignoresEndpoints && unsigned:
		return custom, ""
	case custom != "" && !s.ignoresEndpoints:
		return custom, region
	case service == "signin":
		return "signin.aws.amazon.com", ""
	case service == "sts" && s.legacySTS && !s.fips && !s.dualStack && region == "eu-west-1":
		return "sts.amazonaws.com", global
	}
	if s.fips {
		host += "-fips"
	}
	domain := "amazonaws.com"
	if s.dualStack {
		domain = "api.aws"
	}
	switch service {
	case "iam":
		if s.dualStack {
			domain = "global." + domain
		}
		return host + "." + domain, global
	case "organizations":
		return host + "." + global + "." + domain, global
	case "sso", "sso-oidc":
		return host + ".eu-west-1." + domain, "" // where the Identity Center is
	}
	return host + "." + region + "." + domain, region
}

// A setting shapes calls. It has a variable, and a line in a profile.
type setting struct {
	name, variable, line string
	sections             string // that the line leads to
	always, alwaysSet    string // what is in the base's profile besides, and in the environment
	alwaysShapes         func(*shape)
	shapes               func(*shape)
	trust                bool   // it is what the proxy is trusted by
	files                string // where AWS's own files are, as variables name it
}

const servicesLab = "[services lab]\nsts =\n  endpoint_url = https://sts.lab.example.com\n"

func inMumbai(s *shape) { s.region = "ap-south-1" }

var settings = []setting{
	{name: "none", shapes: func(*shape) {}},
	{name: "FIPS", variable: "AWS_USE_FIPS_ENDPOINT=true", line: "use_fips_endpoint = true",
		shapes: func(s *shape) { s.fips = true }},
	{name: "dual stack", variable: "AWS_USE_DUALSTACK_ENDPOINT=true", line: "use_dualstack_endpoint = true",
		shapes: func(s *shape) { s.dualStack = true }},
	{name: "FIPS and dual stack", variable: "AWS_USE_FIPS_ENDPOINT=TRUE", line: "use_fips_endpoint = TRUE",
		always:       "use_dualstack_endpoint = true",
		alwaysShapes: func(s *shape) { s.dualStack = true }, shapes: func(s *shape) { s.fips = true }},
	{name: "region", variable: "AWS_REGION=ap-south-1", line: "region = ap-south-1", shapes: inMumbai},
	{name: "legacy STS", variable: "AWS_STS_REGIONAL_ENDPOINTS=legacy", line: "sts_regional_endpoints = legacy",
		shapes: func(s *shape) { s.legacySTS = true }},
	{name: "legacy STS elsewhere", variable: "AWS_STS_REGIONAL_ENDPOINTS=legacy", line: "sts_regional_endpoints = legacy",
		always:       "endpoint_url = https://lab.example.com",
		alwaysShapes: func(s *shape) { s.endpoint = "lab.example.com" }, shapes: func(s *shape) { s.legacySTS = true }},
	{name: "endpoint of STS", variable: "AWS_ENDPOINT_URL_STS=https://sts.lab.example.com", line: "services = lab",
		sections: servicesLab, shapes: func(s *shape) { s.forSTS = "sts.lab.example.com" }},
	{name: "endpoint of STS, and an empty variable", alwaysSet: "AWS_ENDPOINT_URL=", line: "services = lab",
		sections: servicesLab, shapes: func(s *shape) { s.forSTS = "sts.lab.example.com" }},
	{name: "endpoint", variable: "AWS_ENDPOINT_URL=https://lab.example.com",
		line: "endpoint_url = https://lab.example.com", shapes: func(s *shape) { s.endpoint = "lab.example.com" }},
	{name: "endpoints ignored",
		variable: "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", line: "ignore_configured_endpoint_urls = true",
		always: "services = lab\nendpoint_url = https://lab.example.com", sections: servicesLab,
		alwaysShapes: func(s *shape) { s.endpoint, s.forSTS = "lab.example.com", "sts.lab.example.com" },
		shapes:       func(s *shape) { s.ignoresEndpoints = true }},
	{name: "CA bundle", variable: "AWS_CA_BUNDLE=~/ca.pem", line: "ca_bundle = ~/ca.pem", trust: true,
		shapes: func(*shape) {}},
	{name: "files in $HOME", files: "$HOME/of aws", line: "region = ap-south-1", shapes: inMumbai},
	{name: "files in ${HOME}", files: "${HOME}/.aws2", line: "region = ap-south-1", shapes: inMumbai},
	{name: "files in ~", files: "~/.aws2", line: "region = ap-south-1", shapes: inMumbai},
	{name: "files with a colon", files: "~/a:b", line: "region = ap-south-1", shapes: inMumbai},
}

const otherConfig = "[default]\nregion = eu-north-1\n"

// moveFiles puts AWS's files where the setting has them. What is left in ~/.aws would show.
func (s *setting) moveFiles(h *Home) {
	if s.files == "" {
		return
	}
	h.Write(".aws/config", otherConfig)
	h.Write(".aws/credentials", "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n")
	h.Env = append(h.Env, "AWS_CONFIG_FILE="+s.files+"/config", "AWS_SHARED_CREDENTIALS_FILE="+s.files+"/credentials")
}

// dir is where the setting has AWS's files, below the home.
func (s *setting) dir() string {
	if _, name, ok := strings.Cut(s.files, "/"); ok {
		return name
	}
	return ".aws"
}

// setAt is where a setting is set.
type setAt string

const (
	inEnvironment setAt = "environment"
	inBase        setAt = "base's profile"
	inNamedBase   setAt = "base's profile work" // and not default
	inAccounts    setAt = "accounts' profiles"
	inProd        setAt = "prod's profile alone"
)

// inUse stands for whoever uses the base's profile, and no account.
const inUse = "AWS_PROFILE"

// reaches says whether a setting at the place shapes the calls for an account, "" for those that are for none.
func (p setAt) reaches(account string) bool {
	switch p {
	case inAccounts:
		return account != "" && account != inUse
	case inProd:
		return account == "prod"
	case inNamedBase:
		return account != "" && account != "audit"
	}
	return true
}

// A command calls AWS.
type shapedCommand struct {
	line  string
	env   []string
	cold  bool     // no session is kept from before
	calls []string // that it makes at least
	on    string   // the account that its calls are for; "": whoever they are made as, or the role's that is assumed
	none  bool     // they are for no account
	tries []string // the accounts whose STS it tries without credentials
	exits int      // its status, -1 for any
}

var shapedCommands = []shapedCommand{
	{line: "process prod", cold: true, calls: []string{"sts:AssumeRole"}},
	{line: "process dev", cold: true, calls: []string{"sts:AssumeRole"}},
	{line: "assume prod --refresh", calls: []string{"sts:AssumeRole"}},
	{line: "assume main", calls: []string{"sts:GetSessionToken"}},
	{line: "whoami", env: []string{"AWS_PROFILE=BASE"}, on: inUse, calls: []string{"sts:GetCallerIdentity"}},
	{line: "init --dry-run --yes", env: []string{"AWS_PROFILE=BASE", "AWS_ACCOUNTS_FILE=none.json"}, on: inUse,
		calls: []string{"sts:GetCallerIdentity"}},
	{line: "whoami prod", cold: true, calls: []string{"sts:AssumeRole", "sts:GetCallerIdentity"}},
	{line: "exec prod -- true", cold: true, calls: []string{"sts:AssumeRole"}},
	{line: "console prod --print", cold: true, calls: []string{"sts:AssumeRole", "signin:GetSigninToken"}},
	{line: "role show prod", cold: true, on: "prod",
		calls: []string{"sts:GetCallerIdentity", "sts:AssumeRole", "iam:GetRole"}},
	{line: "sync organizations --dry-run", cold: true, calls: []string{"organizations:ListAccounts"}},
	{line: "doctor prod", cold: true, calls: []string{"sts:AssumeRole", "sts:GetCallerIdentity"}, exits: -1,
		tries: []string{"main", "dev", "prod"}},
	{line: "sso login corp", none: true, calls: []string{"sso-oidc:RegisterClient", "sso-oidc:CreateToken"}},
	{line: "process audit", on: "audit", calls: []string{"sso:GetRoleCredentials"}},
	{line: "sync sso --dry-run", none: true, calls: []string{"sso:ListAccounts", "sso:ListAccountRoles"}},
	{line: "sso logout corp", none: true, calls: []string{"sso:Logout"}},
	{line: "keys import BASE --remove", calls: []string{"sts:GetCallerIdentity"}},
	{line: "assume prod --refresh", calls: []string{"sts:AssumeRole"}},
	{line: "keys add main --from-environment --replace",
		env: []string{"AWS_ACCESS_KEY_ID=KEYID", "AWS_SECRET_ACCESS_KEY=KEYSECRET"},
		on:  "main", calls: []string{"sts:GetCallerIdentity"}},
	{line: "keys rotate main", on: "main",
		calls: []string{"iam:CreateAccessKey", "sts:GetCallerIdentity", "iam:DeleteAccessKey"}},
}

const shapedAccounts = `{"accounts": [
  {"name": "main", "account_id": "` + MainAccount + `"},
  {"name": "dev", "role_arn": "` + DevRole + `"},
  {"name": "prod", "role_arn": "` + ProdRole + `", "source": "dev"},
  {"name": "audit", "account_id": "` + DevAccount + `", "sso": {"session": "corp", "role_name": "ReadOnly"}}
], "sso_sessions": [{"name": "corp", "start_url": "` + StartURL + `", "region": "eu-west-1"}]}`

// behindProxy is a home that reaches AWS by its own names alone, through a proxy that inspects TLS. It doesn't trust
// that yet.
func behindProxy(t testing.TB, aws *standin.Server) *Home {
	t.Helper()
	proxy := standin.StartProxy(t, aws)
	h := NewHome(t, aws, FileKeychain()...)
	h.Env = slices.DeleteFunc(h.Env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "AWS_ENDPOINT_URL") || name == "AWS_REGION"
	})
	h.Env = append(h.Env, proxy.Env()...)
	h.Write("ca.pem", string(proxy.CA()))
	return h
}

// What shapes a call to AWS reaches every hop of a chain and every command alike, wherever it is set. The home sees
// AWS through a proxy, and AWS's log has the host that each call was sent to and the region that it was signed for.
func TestWhatShapesACall(t *testing.T) {
	t.Parallel()
	began, n := time.Now(), 0
	t.Cleanup(func() {
		t.Logf("%d homes, %d commands in each: %v", n, len(shapedCommands), time.Since(began).Round(time.Second))
	})
	for _, s := range settings {
		for _, p := range []setAt{inEnvironment, inBase, inNamedBase, inAccounts, inProd} {
			switch {
			case s.line == "" && p != inEnvironment, s.line != "" && s.variable == "" && p == inEnvironment:
				continue // there is nothing to set
			case s.files != "" && p != inBase && p != inNamedBase:
				continue // a change of the file is enough
			case s.trust && p == inProd:
				continue // what comes before prod couldn't be reached
			}
			n++
			t.Run(s.name+"/"+string(p), func(t *testing.T) {
				t.Parallel()
				s.try(t, p)
			})
		}
	}
}

func (s *setting) try(t *testing.T, p setAt) {
	aws := standin.Start(t, World())
	h := behindProxy(t, aws)
	browser, _ := h.browser(`curl -sSfkL -o /dev/null "$1"`)
	h.Env = append(h.Env, browser)
	if s.alwaysSet != "" {
		h.Env = append(h.Env, s.alwaysSet)
	}
	key := aws.Key(User)
	base := s.set(h, p, key)
	defer s.leftAlone(h)
	fill := strings.NewReplacer("BASE", base, "KEYID", key.ID, "KEYSECRET", key.Secret)
	for _, c := range shapedCommands {
		if c.cold {
			os.RemoveAll(filepath.Join(h.Dir, stateDir, "keychain"))
		}
		aws.ResetCalls()
		cmd := h.Command("aws-accounts", strings.Fields(fill.Replace(c.line))...)
		cmd.Env = slices.Clip(cmd.Env)
		if !s.trust || !p.reaches(c.on) && (c.none || c.on != "") {
			cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE=~/ca.pem")
		}
		for _, variable := range c.env {
			cmd.Env = append(cmd.Env, fill.Replace(variable))
		}
		out, err := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != c.exits && c.exits >= 0 {
			t.Errorf("%s: %v\n%s", c.line, err, out)
		}
		s.check(t, p, c, aws.Log())
		if p == inNamedBase && strings.HasPrefix(c.line, "keys import") {
			break // credentials don't begin with that profile any more
		}
	}
}

// set makes the files of the home, with the setting in its place. It returns the profile that credentials begin with.
func (s *setting) set(h *Home, p setAt, key standin.AccessKey) (base string) {
	base, accounts := "default", shapedAccounts
	config := []string{"[default]", "region = eu-west-1"}
	if p == inNamedBase {
		base = "work"
		accounts = strings.Replace(accounts, `"main", `, `"main", "credentials": {"profile": "work"}, `, 1)
		config = append(config, "[profile work]", "region = eu-west-1")
	}
	config = append(config, s.always)
	switch inBase := p == inBase || p == inNamedBase; {
	case inBase && strings.HasPrefix(s.line, "region"):
		config[len(config)-2] = s.line
	case inBase:
		config = append(config, s.line)
	}
	s.moveFiles(h)
	h.Write(s.dir()+"/credentials", fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		base, key.ID, key.Secret))
	h.Write(s.dir()+"/config", strings.Join(config, "\n")+"\n"+s.sections)
	h.Accounts(accounts)
	h.MustRun("aws-accounts", "setup")
	h.inProfiles(s.dir()+"/config", p, s.line)
	if p == inEnvironment && s.variable != "" {
		h.Env = append(h.Env, s.variable)
	}
	return base
}

// check holds what a command has asked of AWS against what the setting says.
func (s *setting) check(t *testing.T, p setAt, c shapedCommand, log []standin.Call) {
	t.Helper()
	for _, wanted := range c.calls {
		if !slices.ContainsFunc(log, func(call standin.Call) bool { return call.Service+":"+call.Operation == wanted }) {
			t.Errorf("%s: no call of %s", c.line, wanted)
		}
	}
	tried, toTry := map[string]bool{}, map[string]bool{} // by doctor, without credentials
	for _, call := range log {
		if call.Outcome == "MissingAuthenticationToken" {
			tried[call.Host] = true
			continue
		}
		on := c.account(call)
		if host, region := s.shape(p, on).at(call.Service); call.Host != host || call.Region != region {
			t.Errorf("%s: %s for %q went to %s, signed for %q; it should go to %s, for %q",
				c.line, call.Operation, on, call.Host, call.Region, host, region)
		}
	}
	for _, account := range c.tries {
		host, _ := s.shape(p, account).at("sts")
		toTry[host] = true
	}
	if !maps.Equal(tried, toTry) {
		t.Errorf("%s: tried %v, should try %v", c.line, tried, toTry)
	}
}

// shape is what a call for an account is to look like.
func (s *setting) shape(p setAt, account string) shape {
	want := shape{region: "eu-west-1"}
	if s.alwaysShapes != nil && (p != inNamedBase || p.reaches(account)) {
		s.alwaysShapes(&want)
	}
	if p.reaches(account) {
		s.shapes(&want)
	}
	return want
}

// leftAlone sees that nothing was written to where AWS's files are otherwise.
func (s *setting) leftAlone(h *Home) {
	if data, err := os.ReadFile(filepath.Join(h.Dir, ".aws", "config")); s.files != "" && string(data) != otherConfig {
		h.t.Errorf("~/.aws/config isn't in use, and was changed: %v\n%s", err, data)
	}
}

// account is the one that a call of the command is for.
func (c *shapedCommand) account(call standin.Call) string {
	names := map[string]string{MainAccount: "main", DevAccount: "dev", ProdAccount: "prod"}
	switch {
	case c.none:
		return ""
	case c.on != "":
		return c.on
	case call.Operation == "AssumeRole":
		return names[strings.Split(call.Resource, ":")[4]]
	case call.Service == "signin":
		return strings.Fields(c.line)[1]
	case call.Principal != "":
		return names[strings.Split(call.Principal, ":")[4]]
	}
	return fmt.Sprintf("? %+v", call)
}

// inProfiles adds a line to the profiles that setup wrote.
func (h *Home) inProfiles(name string, p setAt, line string) {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.Dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	for old := range strings.Lines(string(data)) {
		lines = append(lines, old)
		ours := strings.HasPrefix(old, "credential_process = ")
		if p == inAccounts && ours || p == inProd && ours && strings.HasSuffix(old, " prod\n") {
			lines = append(lines, line+"\n")
		}
	}
	if (p == inAccounts || p == inProd) && len(lines) == strings.Count(string(data), "\n") {
		h.t.Fatalf("no profile of ours in\n%s", data)
	}
	h.Write(name, strings.Join(lines, ""))
}
