//go:build !windows

package stage

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// What is typed wrong: the variable with its value, and the same in a profile. Where a command is named, only that one
// needs it.
var wrongSettings = []struct{ variable, line, sections, command string }{
	{variable: "AWS_REGION=us-east-1 "},
	{variable: "AWS_DEFAULT_REGION=us east", line: "region = us east"},
	{variable: "AWS_REGION=https://x", line: "region = https://x"},
	{variable: "AWS_CA_BUNDLE=junk", line: "ca_bundle = junk"},
	{variable: "AWS_CA_BUNDLE=/dev/null", line: "ca_bundle = /dev/null"},
	{variable: "AWS_CA_BUNDLE=/", line: "ca_bundle = /"},
	{variable: "AWS_MAX_ATTEMPTS=abc", line: "max_attempts = abc"},
	{variable: "AWS_MAX_ATTEMPTS=-1", line: "max_attempts = -1"},
	{variable: "AWS_RETRY_MODE=bogus", line: "retry_mode = bogus"},
	{variable: "AWS_STS_REGIONAL_ENDPOINTS=global", line: "sts_regional_endpoints = global"},
	{variable: "AWS_ENDPOINT_URL_STS=localhost:4566", line: "services = lab",
		sections: "[services lab]\nsts =\n  endpoint_url = localhost:4566\n"},
	{variable: "AWS_ENDPOINT_URL_STS=ftp://127.0.0.1", line: "endpoint_url = ftp://127.0.0.1"},
	{variable: "AWS_ENDPOINT_URL_STS=http://", line: "endpoint_url = http://"},
	{variable: "AWS_ENDPOINT_URL_STS=http://a b", line: "endpoint_url = http://a b"},
	{variable: "AWS_ENDPOINT_URL_IAM=localhost:4566", line: "services = lab", command: "role show dev",
		sections: "[services lab]\niam =\n  endpoint_url = localhost:4566\n"},
	{variable: "AWS_ENDPOINT_URL_ORGANIZATIONS=localhost", line: "services = lab",
		command:  "sync organizations main --dry-run",
		sections: "[services lab]\norganizations =\n  endpoint_url = localhost\n"},
	{variable: "AWS_ENDPOINT_URL_SSO_OIDC=localhost", line: "services = lab", command: "sso login corp",
		sections: "[services lab]\nsso_oidc =\n  endpoint_url = localhost\n"},
	{variable: "AWS_ENDPOINT_URL_SIGNIN=localhost", line: "services = lab", command: "console dev --print",
		sections: "[services lab]\nsignin =\n  endpoint_url = localhost\n"},
	{variable: "AWS_USE_FIPS_ENDPOINT=true", line: "endpoint_url = http://127.0.0.1\nuse_fips_endpoint = true"},
	{variable: "AWS_USE_DUALSTACK_ENDPOINT=TRUE", line: "endpoint_url = http://127.0.0.1\nuse_dualstack_endpoint = TRUE"},
	{variable: "HTTPS_PROXY=proxy host:99x"},
	{variable: "HTTP_PROXY=ftp://me:PASSWORD@proxy"},
	{variable: "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.7/x", command: "process here"},
	{variable: "AWS_CONTAINER_CREDENTIALS_FULL_URI=junk", command: "process here"},
	{variable: "AWS_EC2_METADATA_SERVICE_ENDPOINT=junk", command: "process here"},
	{variable: "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5", command: "process here"},
}

// A value that is typed wrong is an error that names the variable, or the file and its line, and one next step.
func TestSettingsTypedWrong(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	for _, s := range wrongSettings {
		for _, in := range []string{"environment", "default", "dev"} {
			if in != "environment" && s.line == "" || in == "dev" && strings.HasPrefix(s.command, "s") {
				continue
			}
			t.Run(s.variable+"/"+in, func(t *testing.T) {
				t.Parallel()
				h := NewHome(t, aws, append(FileKeychain(), "AWS_EC2_METADATA_DISABLED=false")...)
				h.Accounts(`{"accounts": [{"name": "main", "account_id": "` + MainAccount + `"},
					{"name": "here", "credentials": {"instance": true}},
					{"name": "audit", "account_id": "` + DevAccount + `", "sso": {"session": "corp", "role_name": "ReadOnly"}},
					{"name": "dev", "role_arn": "` + DevRole + `", "source": "main"}],
					"sso_sessions": [{"name": "corp", "start_url": "` + StartURL + `", "region": "eu-west-1"}]}`)
				config, names := "[default]\n", regexp.QuoteMeta(strings.Split(s.variable, "=")[0])
				if in == "environment" {
					h.Env = append(h.Env, s.variable)
				} else {
					if in != "default" {
						config += fmt.Sprintf("[profile %s]\ncredential_process = aws-accounts process %[1]s\n", in)
					}
					config += s.line + "\n" + s.sections
					wrong := s.line
					if s.sections != "" {
						wrong = strings.TrimSpace(strings.Split(s.sections, "=\n")[1])
					}
					before, _, _ := strings.Cut(config, wrong)
					names = fmt.Sprintf(`%s in line %d of ~/\.aws/config`, strings.Fields(wrong)[0], strings.Count(before, "\n")+1)
					h.without("AWS_REGION=", "AWS_ENDPOINT_URL=")
					if s.command == "" {
						h.without("AWS_ENDPOINT_URL_STS=")
					}
				}
				h.Write(".aws/config", config)
				commands := []string{"process dev", "whoami dev", "exec dev -- true", "assume dev"}
				if s.command != "" {
					commands = []string{s.command}
				}
				says := regexp.MustCompile(`^aws-accounts: [^\n]*` + names + `(: [^\n]+)?\n` +
					`hint: [^\n]*(AWS_\w+|HTTPS?_PROXY|line \d+ of)[^\n]*\n$`)
				for _, command := range commands {
					out, errs, status := h.Run("aws-accounts", strings.Fields(command)...)
					if out != "" || status != 1 || !says.MatchString(errs) || strings.Contains(errs, "PASSWORD") {
						t.Errorf("%s: exit %d, stdout %q, stderr %q", command, status, out, errs)
					}
				}
			})
		}
	}
}

// without takes the variables out of the home's environment that begin so.
func (h *Home) without(names ...string) {
	var kept []string
	for _, entry := range h.Env {
		gone := false
		for _, name := range names {
			gone = gone || strings.HasPrefix(entry, name)
		}
		if !gone {
			kept = append(kept, entry)
		}
	}
	h.Env = kept
}

// What botocore takes is taken.
func TestSettingsThatAreTaken(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	for _, s := range []struct{ variable, line string }{
		{"AWS_MAX_ATTEMPTS=0", "max_attempts = 0"}, {"AWS_MAX_ATTEMPTS=1", "max_attempts = 1"},
		{"AWS_RETRY_MODE=legacy", "retry_mode = legacy"}, {"AWS_RETRY_MODE=adaptive", "retry_mode = adaptive"},
		{"AWS_STS_REGIONAL_ENDPOINTS=legacy", "sts_regional_endpoints = legacy"},
		{"AWS_USE_FIPS_ENDPOINT=0", "use_fips_endpoint = 1"},
		{"AWS_USE_DUALSTACK_ENDPOINT=no", "use_dualstack_endpoint = 0"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=0", ""},
		{"AWS_CA_BUNDLE=", "ca_bundle ="}, {"AWS_ENDPOINT_URL_STS=", "endpoint_url ="},
		{"AWS_RETRY_MODE=", "retry_mode ="},
		{"AWS_REGION=", "region ="}, {"HTTPS_PROXY=proxy.example.com:3128", ""},
		{"AWS_ENDPOINT_URL_STS=" + aws.URL() + "/", ""},
	} {
		t.Run(s.variable, func(t *testing.T) {
			t.Parallel()
			h := NewHome(t, aws, append(FileKeychain(), s.variable)...)
			h.Accounts(stageAccounts)
			h.Write(".aws/config", "[default]\n"+s.line+"\n")
			for _, env := range [][]string{h.Env, h.Env[:len(h.Env)-1]} {
				h.Env = env
				if _, errs, status := h.Run("aws-accounts", "process", "dev"); status != 0 || errs != "" {
					t.Errorf("process dev: exit %d, stderr %q", status, errs)
				}
				if _, errs, status := h.Run("aws-accounts", "assume", "dev", "--refresh"); status != 0 {
					t.Errorf("assume dev: exit %d, stderr %q", status, errs)
				}
			}
		})
	}
}
