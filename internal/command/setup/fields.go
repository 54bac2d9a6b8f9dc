package setup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/partitions"
	"aws-accounts/internal/tui"
)

// Fields are an account's fields as flags, for `add` and `edit`. One that isn't given is nil; an empty one takes the field
// out. Values are checked where all values of the file are.
type Fields struct {
	AccountID   *string          `name:"account-id" help:"The 12 digits of the AWS account." placeholder:"ID"`
	RoleARN     *string          `name:"role-arn" help:"The role to assume; a role's name will do beside --account-id." placeholder:"ARN"`
	Source      *string          `help:"The account to assume the role from." placeholder:"NAME"`
	Description *string          `help:"What it is for." placeholder:"TEXT"`
	Region      *accounts.Region `help:"Its region." placeholder:"REGION"`
	Profile     *string          `help:"Its profile, where that isn't named as the account." placeholder:"PROFILE"`
	Duration    *string          `help:"How long a session lasts (15m to 12h)." placeholder:"1h"`
	ExternalID  *string          `name:"external-id" help:"The external ID that the role's owner asks for." placeholder:"ID"`
	MFASerial   *string          `name:"mfa-serial" help:"The MFA device." placeholder:"ARN"`
	MFAProcess  *string          `name:"mfa-process" help:"A command that prints the device's code." placeholder:"COMMAND"`

	SSOSession *string `name:"sso-session" help:"Identity Center instead of a role: one of sso_sessions." placeholder:"NAME"`
	SSORole    *string `name:"sso-role" help:"Identity Center: the permission set." placeholder:"ROLE"`

	CredentialsProfile     *string `name:"credentials-profile" help:"A base account: begin with this profile of ~/.aws." placeholder:"PROFILE" xor:"begins"`
	CredentialsKeychain    bool    `name:"credentials-keychain" help:"A base account: begin with keys in the keychain." xor:"begins"`
	CredentialsEnvironment bool    `name:"credentials-environment" help:"A base account: begin with the keys in the environment." xor:"begins"`
	CredentialsInstance    bool    `name:"credentials-instance" help:"A base account: begin with the role of the container or instance." xor:"begins"`
	WebIdentityTokenFile   *string `name:"web-identity-token-file" help:"A base account: begin with the token in this file; --role-arn is its role." placeholder:"FILE" xor:"begins"`
	Session                *string `help:"A base account: hand out a session (token) or the keys as they are (none)." placeholder:"token|none"`

	SessionName       *string           `name:"session-name" help:"The session's name." placeholder:"NAME"`
	SourceIdentity    *string           `name:"source-identity" help:"The source identity." placeholder:"NAME"`
	SessionTags       map[string]string `name:"session-tag" help:"A session tag; may be repeated." placeholder:"KEY=VALUE" mapsep:"none"`
	TransitiveTagKeys []string          `name:"transitive-tag-key" help:"A tag that goes on through a chain; may be repeated." placeholder:"KEY" sep:"none"`
	Policy            *string           `help:"A file with a session policy (JSON)." placeholder:"FILE"`
	PolicyARNs        []string          `name:"policy-arn" help:"A managed session policy; may be repeated." placeholder:"ARN" sep:"none"`
}

// list is what was given, as fields of account a of file, which is the one that they are for as it is now.
func (f *Fields) list(file *accounts.File, a *accounts.Account) ([]accounts.Field, error) {
	var out []accounts.Field
	var failed error
	set := func(name string, value any) {
		field, err := accounts.NewField(name, value)
		out, failed = append(out, field), cmp.Or(failed, err)
	}
	unset := func(name string) { out = append(out, accounts.Field{Name: name}) }
	text := func(name string, value *string) {
		switch {
		case value == nil:
		case *value == "":
			unset(name)
		default:
			set(name, *value)
		}
	}
	text("account_id", f.AccountID)
	if f.WebIdentityTokenFile == nil {
		text("role_arn", f.roleARN(file, a))
	}
	for _, field := range []struct {
		name  string
		value *string
	}{
		{"source", f.Source}, {"description", f.Description}, {"region", (*string)(f.Region)}, {"profile", f.Profile}, {"duration", f.Duration},
		{"external_id", f.ExternalID}, {"mfa_serial", f.MFASerial}, {"mfa_process", f.MFAProcess}, {"session", f.Session},
		{"session_name", f.SessionName}, {"source_identity", f.SourceIdentity},
	} {
		text(field.name, field.value)
	}

	if begin, given := f.credentials(); given {
		set("credentials", begin)
	}
	if f.SSOSession != nil || f.SSORole != nil {
		var s accounts.SSO
		if a.SSO != nil {
			s = *a.SSO
		}
		s.Session, s.RoleName = value(f.SSOSession, s.Session), value(f.SSORole, s.RoleName)
		if s == (accounts.SSO{}) {
			unset("sso")
		} else {
			set("sso", s)
		}
	}
	if f.SessionTags != nil {
		set("session_tags", f.SessionTags)
	}
	if f.TransitiveTagKeys != nil {
		set("transitive_tag_keys", f.TransitiveTagKeys)
	}
	if f.PolicyARNs != nil {
		set("policy_arns", f.PolicyARNs)
	}
	switch {
	case f.Policy == nil:
	case *f.Policy == "":
		unset("policy")
	default:
		data, err := os.ReadFile(*f.Policy)
		if err != nil {
			return nil, hint.New(fmt.Errorf("reading the policy %s: %w", tui.ShowPath(*f.Policy), hint.FileError(err)),
				"--policy names a file with one: {\"Version\": \"2012-10-17\", \"Statement\": [...]}")
		}
		var object map[string]any
		if err := json.Unmarshal(data, &object); err != nil {
			return nil, hint.New(fmt.Errorf("%s holds no JSON object", tui.ShowPath(*f.Policy)),
				"a policy is one: {\"Version\": \"2012-10-17\", \"Statement\": [...]}")
		}
		set("policy", json.RawMessage(data))
	}
	return out, failed
}

// note says what is right but may be a mistake.
func (f *Fields) note(stdout io.Writer) {
	if f.Region == nil || *f.Region == "" {
		return
	}
	if doubt, err := accounts.CheckRegion(string(*f.Region)); err == nil && doubt != "" {
		fmt.Fprintln(stdout, "note:", doubt)
	}
}

func (f *Fields) any() bool {
	list, err := f.list(&accounts.File{}, &accounts.Account{})
	return err != nil || len(list) > 0
}

// roleARN makes an ARN of a role's mere name, in the partition that the account's region is in.
func (f *Fields) roleARN(file *accounts.File, a *accounts.Account) *string {
	if f.RoleARN == nil {
		return nil
	}
	id := value(f.AccountID, a.AccountID)
	if accounts.IsRoleName(*f.RoleARN) && accounts.IsAccountID(id) {
		region := value((*string)(f.Region), a.Region)
		s := "arn:" + partitions.Of(cmp.Or(region, file.Defaults.Region)) + ":iam::" + id + ":role/" + *f.RoleARN
		return &s
	}
	return f.RoleARN
}

func (f *Fields) credentials() (accounts.Credentials, bool) {
	c := accounts.Credentials{Profile: value(f.CredentialsProfile, ""), Keychain: f.CredentialsKeychain, Environment: f.CredentialsEnvironment, Instance: f.CredentialsInstance}
	if f.WebIdentityTokenFile != nil {
		c.WebIdentityTokenFile, c.RoleARN = *f.WebIdentityTokenFile, value(f.RoleARN, "")
	}
	return c, c != accounts.Credentials{}
}

// beginsSomewhere: the flags say what kind of account it is.
func (f *Fields) beginsSomewhere() bool {
	_, base := f.credentials()
	return base || value(f.RoleARN, "") != "" || value(f.SSOSession, "") != ""
}

func value(p *string, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return *p
}
