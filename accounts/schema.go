package accounts

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// JSONSchema describes the accounts file (draft 7, which every editor knows). The fields are those of the model; what they
// mean and how they look is said here, and a test sees that nothing is missing. It is looser than Parse, which knows how
// fields belong together.
func JSONSchema() []byte {
	s := object(reflect.TypeFor[File]())
	s = append(schema{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"title", "The accounts file of aws-accounts"},
	}, s...)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(err) // nothing in it can't be written
	}
	return b.Bytes()
}

// schema is an object whose order is kept, as people read it.
type schema []keyword

type keyword struct {
	Name  string
	Value any
}

// MarshalJSON writes the keywords in their order.
func (s schema) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := encodeJSON(k.Value)
		if err != nil {
			return nil, err
		}
		b.WriteString(jsonString(k.Name) + ":")
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

const (
	namePattern      = `^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`
	accountIDPattern = `^[0-9]{12}$`
	rolePattern      = `^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`
	regionPattern    = `^[a-z]{2,8}(-[a-z]{1,16}){1,3}-[0-9]{1,2}$`
)

// described says of each field, by the Go type that has it, what it means and how its value looks.
var described = map[reflect.Type]map[string]schema{
	reflect.TypeFor[File](): {
		"$schema":       {{"description", "Where this schema is, for editors."}},
		"keychain":      {{"description", "A keychain other than the platform's own. AWS_ACCOUNTS_KEYCHAIN wins over it."}},
		"accounts_from": {{"description", "An accounts file that a team shares. What this file says wins over it."}},
		"defaults":      {{"description", "Hold for every account that doesn't say otherwise."}},
		"accounts":      {{"description", "The accounts."}},
		"sso_sessions":  {{"description", "The Identity Centers that accounts with \"sso\" sign in at."}},
	},
	reflect.TypeFor[Keychain](): {
		"backend":            {{"description", "Which store keeps the secrets."}, {"enum", Backends()}},
		"passphrase_command": {{"description", "For the backend \"file\": a command whose first line of output is the passphrase."}, {"minLength", 1}},
	},
	reflect.TypeFor[AccountsFrom](): {
		"file":       {{"description", "Where it is: a git checkout, a network share. It is read there; the last good version is kept."}, {"minLength", 1}},
		"url":        {{"description", "Its address, https://… or s3://BUCKET/KEY. `aws-accounts sync shared` fetches it."}, {"pattern", `^(https?|s3)://`}},
		"account":    {{"description", "With s3: the account whose credentials fetch it."}, {"pattern", namePattern}},
		"sha256":     {{"description", "The checksum that it must have."}, {"pattern", `^[0-9A-Fa-f]{64}$`}},
		"public_key": {{"description", "The minisign public key that it must be signed with, in a file beside it that ends with .minisig."}, {"minLength", 1}},
	},
	reflect.TypeFor[Defaults](): {
		"region":         {{"description", "The region, written into the stanzas and used for STS."}, {"pattern", regionPattern}},
		"duration":       {{"description", "How long sessions of roles last: a Go duration like \"1h30m\" or seconds; 15m to 12h."}},
		"profile_prefix": {{"description", "Stands before each account's name in the name of its profile."}},
	},
	reflect.TypeFor[Account](): {
		"name":                {{"description", "What the account is called here; case doesn't make two names differ."}, {"pattern", namePattern}},
		"account_id":          {{"description", "The 12 digits of the AWS account."}, {"pattern", accountIDPattern}},
		"description":         {{"description", "What it is for."}},
		"region":              {{"description", "The region, written into the stanza and used for STS."}, {"pattern", regionPattern}},
		"profile":             {{"description", "The profile's name in ~/.aws/config, where it isn't profile_prefix + name."}, {"minLength", 1}},
		"credentials":         {{"description", "A base account: where its credentials come from, in exactly one way. Default: the profile `default`."}},
		"session":             {{"description", "A base account with long-term keys: hand out a session (token, the default) or the keys as they are (none)."}, {"enum", []string{SessionToken, SessionNone}}},
		"role_arn":            {{"description", "The role to assume."}, {"pattern", rolePattern}},
		"source":              {{"description", "The account to assume the role from. Default: the only base account."}, {"pattern", namePattern}},
		"duration":            {{"description", "How long a session lasts: a Go duration like \"1h30m\" or seconds; 15m to 12h, 1h for a role assumed by a role."}},
		"external_id":         {{"description", "The external ID that the role's owner asks for."}, {"minLength", 2}, {"maxLength", 1224}},
		"session_name":        {{"description", "The role session's name. Default: the name of the user of this computer."}, {"pattern", `^[A-Za-z0-9_+=,.@-]{2,64}$`}},
		"source_identity":     {{"description", "The source identity, which stays through a chain of roles."}, {"pattern", `^[A-Za-z0-9_+=,.@-]{2,64}$`}},
		"session_tags":        {{"description", "Session tags."}},
		"transitive_tag_keys": {{"description", "Those of the session tags that go on through a chain of roles."}},
		"policy":              {{"description", "A session policy that narrows what the session may do."}},
		"policy_arns":         {{"description", "Managed policies that narrow what the session may do, 10 at most."}, {"maxItems", 10}},
		"mfa_serial":          {{"description", "The MFA device: its ARN, or the serial number of a hardware device."}, {"minLength", 9}, {"maxLength", 256}},
		"mfa_process":         {{"description", "A command that prints a code of the device (ykman, pass-otp, …)."}, {"minLength", 1}},
		"sso":                 {{"description", "Identity Center instead of role_arn."}},
		"synced":              {{"description", "The entry was made by `aws-accounts sync`, which reports it when its account is gone. Without this field it is yours alone."}},
	},
	reflect.TypeFor[Credentials](): {
		"profile":                 {{"description", "An ordinary profile of ~/.aws, of any kind."}, {"minLength", 1}},
		"keychain":                {{"description", "Long-term keys that `aws-accounts keys` put into the keychain."}, {"const", true}},
		"environment":             {{"description", "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."}, {"const", true}},
		"web_identity_token_file": {{"description", "A file with a web identity token, for the role_arn beside it."}, {"minLength", 1}},
		"role_arn":                {{"description", "The role that the web identity token is for."}, {"pattern", rolePattern}},
		"instance":                {{"description", "The role of the container or instance that this runs in."}, {"const", true}},
	},
	reflect.TypeFor[SSO](): {
		"session":   {{"description", "One of sso_sessions."}, {"pattern", namePattern}},
		"role_name": {{"description", "The permission set."}, {"pattern", `^[A-Za-z0-9_+=,.@-]{1,64}$`}},
	},
	reflect.TypeFor[Synced](): {
		"from": {{"description", "What lists the account: an organization's id, with the part of it that was asked for, or an SSO session."}, {"minLength", 1}},
		"role": {{"description", "The role that it was listed with: its path and name, or the permission set."}, {"minLength", 1}},
		"name": {{"description", "What the account is called there."}, {"minLength", 1}},
	},
	reflect.TypeFor[SSOSession](): {
		"name":                {{"description", "What it is called here."}, {"pattern", namePattern}},
		"start_url":           {{"description", "The address of the AWS access portal, like https://corp.awsapps.com/start."}, {"pattern", `^https?://`}},
		"region":              {{"description", "The region that Identity Center is in."}, {"pattern", regionPattern}},
		"registration_scopes": {{"description", "What to ask permission for. Default: sso:account:access."}},
	},
}

// object requires the fields without omitempty: the model says what must be there.
func object(t reflect.Type) schema {
	var properties schema
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		if options == "" {
			required = append(required, name)
		}
		properties = append(properties, keyword{name, append(schema{}, append(described[t][name], valueSchema(f.Type)...)...)})
	}
	s := schema{{"type", "object"}, {"additionalProperties", false}}
	if required != nil {
		s = append(s, keyword{"required", required})
	}
	return append(s, keyword{"properties", properties})
}

func valueSchema(t reflect.Type) schema {
	switch {
	case t == durationType:
		return schema{{"anyOf", []schema{
			{{"type", "string"}, {"pattern", `^([0-9]+(\.[0-9]+)?(h|m|s))+$|^[0-9]+$`}},
			{{"type", "integer"}, {"minimum", int(minDuration.Seconds())}, {"maximum", int(maxDuration.Seconds())}},
		}}}
	case t == policyType:
		return schema{{"type", []string{"object", "string"}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return valueSchema(t.Elem())
	case reflect.Struct:
		return object(t)
	case reflect.Slice:
		return schema{{"type", "array"}, {"items", valueSchema(t.Elem())}}
	case reflect.Map:
		return schema{{"type", "object"}, {"additionalProperties", valueSchema(t.Elem())}}
	case reflect.Bool:
		return schema{{"type", "boolean"}}
	}
	return schema{{"type", "string"}}
}
