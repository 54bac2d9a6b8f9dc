package accounts

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tailscale/hujson"

	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/tui"
)

// check holds a decoded file against what it must be: here each value for itself, in relate.go one against another. What
// the decoder found fault with isn't looked at again.
type check struct {
	*report
	f      *File
	root   *hujson.Value
	broken map[*hujson.Value]bool
	nodes  []hujson.Value // of the accounts, in the same order
	byName map[string]int // lower-case name → account
	source []int          // account → the account its role is assumed from, or none or unknown
	sso    map[string]int // lower-case name → SSO session
	looked int            // how many names have been compared for suggestions
	shared *shared        // what accounts_from led to
}

func newCheck(d *decoder, f *File, root *hujson.Value) *check {
	return &check{
		report: d.report, f: f, root: root, broken: d.broken,
		nodes:  elements(member(root, "accounts")),
		byName: make(map[string]int, len(f.Accounts)),
		source: make([]int, len(f.Accounts)),
		sso:    make(map[string]int, len(f.SSOSessions)),
	}
}

func (c *check) all() {
	if c.root.Value.Kind() != '{' {
		return
	}
	if member(c.root, "accounts") == nil {
		c.add(c.root.StartOffset, `"accounts" is missing: the least is {"accounts": []}`)
	}
	c.keychain()
	c.defaults()
	c.ssoSessions()
	own := len(c.f.Accounts)
	if c.accountsFrom() {
		c.merge()
	}
	for i := range own {
		c.account(&c.f.Accounts[i], &c.nodes[i])
	}
	c.relations()
	if len(c.list) > 0 {
		c.sharedTrouble()
	}
}

// at reports about a field of v, or about v where the field is missing.
func (c *check) at(v *hujson.Value, field, format string, args ...any) {
	if m := member(v, field); m != nil {
		v = m
	}
	c.add(v.StartOffset, format, args...)
}

// missing reports a field that must be there, unless it is and was refused already.
func (c *check) missing(v *hujson.Value, field, format string, args ...any) {
	if member(v, field) == nil {
		c.add(v.StartOffset, format, args...)
	}
}

// Backends are the names that "keychain" takes in the file and in the environment, as 99designs/keyring calls them.
func Backends() []string {
	return []string{"secret-service", "kwallet", "keyctl", "pass", "file", "keychain", "wincred"}
}

func (c *check) keychain() {
	k, v := c.f.Keychain, member(c.root, "keychain")
	if k == nil {
		return
	}
	switch {
	case k.Backend == "":
		c.missing(v, "backend", `"keychain" has no "backend": name one of %s`, strings.Join(Backends(), ", "))
	case !slices.Contains(Backends(), k.Backend):
		guess := DidYouMean(k.Backend, Backends())
		if guess == "" {
			guess = ": it can be " + strings.Join(Backends(), ", ")
		}
		c.at(v, "backend", "unknown backend %s%s", tui.Quote(k.Backend), guess)
	case k.PassphraseCommand != "" && k.Backend != "file":
		c.at(v, "passphrase_command", `"passphrase_command" is for the backend "file": %s asks by itself`, tui.Quote(k.Backend))
	}
}

func (c *check) defaults() {
	d, v := &c.f.Defaults, member(c.root, "defaults")
	c.region(v, d.Region)
	if d.ProfilePrefix != "" {
		c.profile(v, "profile_prefix", d.ProfilePrefix)
	}
	if err := d.NameTemplate.check(); err != nil {
		c.at(v, "name_template", "%s: %s", err, hint.Of(err))
	}
}

func (c *check) ssoSessions() {
	nodes := elements(member(c.root, "sso_sessions"))
	for i := range c.f.SSOSessions {
		s, v := &c.f.SSOSessions[i], &nodes[i]
		if v.Value.Kind() != '{' {
			continue
		}
		if c.name(v, "SSO session", s.Name) {
			lower := strings.ToLower(s.Name)
			if j, dup := c.sso[lower]; dup {
				c.at(v, "name", "duplicate name %s: the SSO session in line %d has it already%s",
					tui.Quote(s.Name), c.line(nodes[j].StartOffset), whatCaseIs(s.Name, c.f.SSOSessions[j].Name))
			} else {
				c.sso[lower] = i
			}
		}
		if s.StartURL == "" {
			c.missing(v, "start_url", `the SSO session has no "start_url": it is shown in the AWS access portal, like "https://corp.awsapps.com/start"`)
		} else if !IsStartURL(s.StartURL) {
			c.at(v, "start_url", `start_url %s is not an https URL, like "https://corp.awsapps.com/start"`, tui.Quote(s.StartURL))
		}
		if s.Region == "" {
			c.missing(v, "region", `the SSO session has no "region": name the one that Identity Center is in`)
		}
		c.region(v, s.Region)
		scopes := elements(member(v, "registration_scopes"))
		for j, scope := range s.RegistrationScopes {
			if _, odd := firstNot(scope, func(r rune) bool { return '!' <= r && r <= '~' && r != '"' && r != '\\' }); odd {
				c.add(scopes[j].StartOffset, `scope %s has a character that scopes don't have: "sso:account:access" is one`, tui.Quote(scope))
			}
		}
	}
}

// IsStartURL takes http only on this machine, where tests listen.
func IsStartURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && ip.IsLoopback() || u.Hostname() == "localhost"
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

func (c *check) account(a *Account, v *hujson.Value) {
	if v.Value.Kind() != '{' {
		return
	}
	c.name(v, "account", a.Name)
	if a.AccountID != "" && !IsAccountID(a.AccountID) {
		c.at(v, "account_id", `account_id %s is not 12 digits, like "123456789012"`, tui.Quote(a.AccountID))
	}
	if a.RoleARN != "" {
		c.role(a, v, v, a.RoleARN)
	}
	if w := a.Credentials; w != nil {
		c.credentials(a, v, w)
	}
	if a.SSO != nil {
		c.permissionSet(a, v)
	}
	if !c.broken[v] {
		c.belongs(a, v)
	}
	c.region(v, a.Region)
	if a.Profile != "" {
		c.profile(v, "profile", a.Profile)
	}
	if a.Session != "" && a.Session != SessionToken && a.Session != SessionNone {
		c.at(v, "session", `session %s can be "token" (a session, the keys stay in the keychain) or "none" (the keys as they are)`, tui.Quote(a.Session))
	}
	c.word(v, "external_id", a.ExternalID, 2, 1224, isExternalID, "_ + = , . @ : / -")
	c.word(v, "session_name", a.SessionName, 2, 64, isSessionName, "_ + = , . @ -")
	c.word(v, "source_identity", a.SourceIdentity, 2, 64, isSessionName, "_ + = , . @ -")
	c.synced(a, v)
	c.mfa(a, v)
	c.tags(a, v)
	c.policies(a, v)
}

// name checks what ends up in a stanza and in shells.
func (c *check) name(v *hujson.Value, what, name string) bool {
	if name == "" {
		c.missing(v, "name", `the %s has no "name"`, what)
		return false
	}
	if len(name) > 64 {
		c.at(v, "name", "name %s is too long: 64 characters at most", tui.Quote(name))
		return false
	}
	if !awsfiles.IsAccountName(name) {
		c.at(v, "name", `name %s must be letters, digits and . _ @ + - only, and begin with a letter or digit%s`, tui.Quote(name), saferName(name))
		return false
	}
	return true
}

// saferName makes of "My Account (dev)" what could be its name.
func saferName(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !isWord(r, ".@+-") })
	name := strings.Trim(strings.Join(words, "-"), "._@+-")
	if name == "" || len(name) > 64 {
		return ""
	}
	return ": " + tui.Quote(name) + " would do"
}

// role checks a role's ARN in object v, which is the account's or that of its credentials.
func (c *check) role(a *Account, account, v *hujson.Value, s string) {
	id := "123456789012"
	if IsAccountID(a.AccountID) {
		id = a.AccountID
	}
	example := tui.Quote("arn:aws:iam::" + id + ":role/NAME")
	p, ok := parseARN(s)
	_, isRole := p.name("role", 64)
	switch {
	case ok && p.service == "iam" && IsAccountID(p.account) && isRole:
		switch {
		case a.AccountID == "" && member(account, "account_id") == nil:
			a.AccountID = p.account
		case IsAccountID(a.AccountID) && a.AccountID != p.account:
			c.at(account, "account_id", `"account_id" is %s, but "role_arn" says %s: one of them is wrong`, a.AccountID, p.account)
		}
	case ok && p.service == "sts" && strings.HasPrefix(p.resource, "assumed-role/"):
		name, _, _ := strings.Cut(strings.TrimPrefix(p.resource, "assumed-role/"), "/")
		c.at(v, "role_arn", `"role_arn" is the ARN of a session: the role's is like %s`,
			tui.Quote("arn:"+p.partition+":iam::"+p.account+":role/"+name))
	case ok && p.service == "iam":
		kind, _, _ := strings.Cut(p.resource, "/")
		if kind == "role" || !IsAccountID(p.account) {
			c.at(v, "role_arn", `role_arn %s is not the ARN of a role, like %s`, tui.Quote(s), example)
			break
		}
		c.at(v, "role_arn", `"role_arn" is the ARN of a %s, not of a role, like %s`, tui.Quote(kind), example)
	default:
		if _, odd := firstNot(s, isSessionName); !odd {
			example = tui.Quote("arn:aws:iam::" + id + ":role/" + s)
		}
		c.at(v, "role_arn", `role_arn %s is not the ARN of a role, like %s`, tui.Quote(s), example)
	}
}

// credentials checks that a base account begins in exactly one way.
func (c *check) credentials(a *Account, account *hujson.Value, w *Credentials) {
	v := member(account, "credentials")
	const ways = `"profile", "keychain", "environment", "web_identity_token_file" or "instance"`
	var set []string
	for _, way := range []string{"profile", "keychain", "environment", "web_identity_token_file", "instance"} {
		m := member(v, way)
		switch {
		case m == nil:
		case m.Value.Kind() == 'f':
			c.add(m.StartOffset, `"%s": false says nothing: leave it out`, way)
		default:
			set = append(set, way)
		}
	}
	switch {
	case c.broken[account]:
	case len(set) == 0:
		c.add(v.StartOffset, `"credentials" needs one of %s`, ways)
	case len(set) > 1:
		c.at(v, set[1], `"credentials" has both "%s" and "%s": they begin in one way only`, set[0], set[1])
	case w.WebIdentityTokenFile != "" && w.RoleARN == "":
		c.missing(v, "role_arn", `"web_identity_token_file" needs a "role_arn" beside it: the role that the token is for`)
	case w.WebIdentityTokenFile != "" && !filepath.IsAbs(w.WebIdentityTokenFile) && w.WebIdentityTokenFile[0] != '/': // the file may be a container's, read on Windows
		c.at(v, "web_identity_token_file", `%s isn't an absolute path, and SDKs start us in any folder`, tui.Quote(w.WebIdentityTokenFile))
	case w.WebIdentityTokenFile == "" && w.RoleARN != "":
		c.at(v, "role_arn", `"role_arn" in "credentials" is for "web_identity_token_file": a role of its own is an account with "role_arn"`)
	}
	if w.RoleARN != "" && (w.WebIdentityTokenFile != "" || c.broken[account]) {
		c.role(a, account, v, w.RoleARN)
	}
	if w.Profile != "" {
		c.text(v, "profile", w.Profile)
	}
}

// text refuses what makes a name look like another one.
func (c *check) text(v *hujson.Value, field, s string) {
	if r, odd := firstNot(s, unicode.IsPrint); odd {
		c.at(v, field, "%s %s has a character that can't be seen (%U)", field, tui.Quote(s), r)
	}
}

func (c *check) permissionSet(a *Account, v *hujson.Value) {
	s := member(v, "sso")
	if a.SSO.Session == "" {
		c.missing(s, "session", `"sso" has no "session": name one of "sso_sessions"`)
	} else if _, ok := c.sso[strings.ToLower(a.SSO.Session)]; !ok {
		var known []string
		for i := range c.f.SSOSessions {
			known = append(known, c.f.SSOSessions[i].Name)
		}
		guess := c.guess(a.SSO.Session, known)
		if len(known) == 0 {
			guess = `: describe it in "sso_sessions", with name, start_url and region`
		} else if guess == "" {
			guess = `: "sso_sessions" has ` + tui.QuoteAll(known)
		}
		c.at(s, "session", "no SSO session %s%s", tui.Quote(a.SSO.Session), guess)
	}
	if a.SSO.RoleName == "" {
		c.missing(s, "role_name", `"sso" has no "role_name": name the permission set, like "ReadOnly"`)
	}
	c.word(s, "role_name", a.SSO.RoleName, 1, 64, isSessionName, "_ + = , . @ -")
	if a.AccountID == "" && a.RoleARN == "" {
		c.missing(v, "account_id", `an account with "sso" needs an "account_id", 12 digits`)
	}
}

// belongs checks that an account has the fields of one kind of account.
func (c *check) belongs(a *Account, v *hujson.Value) {
	refuse := func(why string, fields ...string) {
		for _, field := range fields {
			if m := member(v, field); m != nil {
				c.add(m.StartOffset, "%q %s", field, why)
			}
		}
	}
	way := a.Way()
	switch {
	case a.RoleARN != "" && a.SSO != nil:
		c.at(v, "sso", `"sso" and "role_arn" exclude each other: a role assumed from Identity Center is an account of its own, with the other as its "source"`)
	case a.SSO != nil:
		refuse("is decided by the permission set: leave it out", "duration", "policy", "policy_arns")
		refuse(`has no use with "sso": Identity Center asks for MFA itself`, "mfa_serial", "mfa_process")
		refuse(`has no use with "sso": its sign-in is where it begins`, "source", "credentials", "session")
		refuse(`belongs to an account with "role_arn", and this one has "sso"`,
			"external_id", "session_name", "source_identity", "session_tags", "transitive_tag_keys")
	case a.RoleARN != "":
		refuse(`belongs to a base account, and this one has "role_arn": give them to its source`, "credentials")
		refuse(`belongs to a base account, and this one has "role_arn"`, "session")
	default:
		refuse(`belongs to an account with "role_arn", and this one has none`,
			"source", "external_id", "source_identity", "session_tags", "transitive_tag_keys", "policy", "policy_arns")
		webIdentity := way.WebIdentityTokenFile != ""
		if !webIdentity {
			refuse(`belongs to an account with "role_arn", and this one has none`, "session_name")
		}
		if webIdentity || way.Instance {
			refuse(`is for long-term keys, and these credentials are temporary`, "session", "mfa_serial", "mfa_process")
		}
		switch {
		case way.Instance:
			refuse(`has no use with "instance", which decides itself`, "duration")
		case a.Session == SessionNone:
			refuse(`has no use with "session": "none"`, "duration")
		}
	}
}

func (c *check) synced(a *Account, v *hujson.Value) {
	if a.Synced == nil {
		return
	}
	v = member(v, "synced")
	if a.Synced.From == "" {
		c.missing(v, "from", `"synced" has no "from": leave all of it out, and the entry is yours alone`)
	}
	if a.Synced.Role == "" {
		c.missing(v, "role", `"synced" has no "role": leave all of it out, and the entry is yours alone`)
	}
	c.text(v, "name", a.Synced.Name)
}

// region checks the shape only.
func (c *check) region(v *hujson.Value, region string) {
	if region != "" && !regionShape.MatchString(region) {
		c.at(v, "region", `region %s is not shaped like "eu-west-1"`, tui.Quote(region))
	}
}

// ProfileNames is the rule of [IsProfileName] for people.
const ProfileNames = "letters, digits and . _ @ + - / ~ = : , only, and begin with a letter, a digit or _ . @ + /"

var profileName = pattern.New(`^[A-Za-z0-9_.@+/][A-Za-z0-9_.@+/~=:,-]*$`)

// IsProfileName reports whether a profile that setup writes can be called s, or its name begin so: both SDKs read it in a
// section's header as it is, and it means nothing to any shell.
func IsProfileName(s string) bool { return profileName.MatchString(s) }

// profile checks a profile's name, or its prefix.
func (c *check) profile(v *hujson.Value, field, s string) {
	switch {
	case len(s) > 128:
		c.at(v, field, "%q is too long: 128 characters at most", field)
	case !IsProfileName(s):
		c.at(v, field, "%s %s must be %s", field, tui.Quote(s), ProfileNames)
	}
}

// word checks length and characters without repeating the value, which may be an external ID.
func (c *check) word(v *hujson.Value, field, s string, least, most int, ok func(rune) bool, more string) {
	if s == "" {
		return
	}
	if m := member(v, field); m != nil {
		v = m
	}
	c.chars(v.StartOffset, fmt.Sprintf("%q", field), s, least, most, ok, "letters, digits and "+more)
}

func (c *check) chars(offset int, what, s string, least, most int, ok func(rune) bool, takes string) {
	n := utf8.RuneCountInString(s)
	if r, odd := firstNot(s, ok); odd {
		c.add(offset, "%s has %s in it: it takes %s", what, tui.Quote(string(r)), takes)
	} else if n < least || n > most {
		c.add(offset, "%s must have %d to %d characters, not %d", what, least, most, n)
	}
}

func (c *check) mfa(a *Account, v *hujson.Value) {
	s := a.MFASerial
	if s == "" {
		if a.MFAProcess != "" && !c.broken[v] {
			c.at(v, "mfa_process", `"mfa_process" has no use without "mfa_serial": name the device that the codes are of`)
		}
		return
	}
	p, isARN := parseARN(s)
	kind, name, _ := strings.Cut(p.resource, "/")
	switch {
	case !strings.HasPrefix(s, "arn:"):
		c.word(v, "mfa_serial", s, 9, 256, isMFASerial, "_ + = / : , . @ -")
	case isARN && p.service == "iam" && kind == "u2f":
		c.at(v, "mfa_serial", `"mfa_serial" is a security key (u2f), which AWS takes in the console only: name a device that shows codes`)
	case isARN && p.service == "iam" && kind == "user" && IsAccountID(p.account):
		name = name[strings.LastIndexByte(name, '/')+1:]
		c.at(v, "mfa_serial", `"mfa_serial" is the ARN of a user: that of its device is like %s`,
			tui.Quote("arn:"+p.partition+":iam::"+p.account+":mfa/"+name))
	case !isARN || p.service != "iam" || !IsAccountID(p.account) || kind != "mfa" && kind != "sms-mfa" || name == "" || len(s) > 256:
		c.at(v, "mfa_serial", `mfa_serial %s is neither the ARN of a device, like "arn:aws:iam::123456789012:mfa/me", nor a serial number`, tui.Quote(s))
	case a.IsBase() && IsAccountID(a.AccountID) && p.account != a.AccountID && !c.broken[v]:
		c.at(v, "mfa_serial", `"mfa_serial" is in account %s, but "account_id" says %s: a device is in the account of its user`, p.account, a.AccountID)
	default:
		if _, odd := firstNot(s, isMFASerial); odd {
			c.at(v, "mfa_serial", `mfa_serial %s has characters that no ARN of a device has`, tui.Quote(s))
		}
	}
}

// tags follows the order of the file. Tag keys that differ in case only are the same to STS.
func (c *check) tags(a *Account, v *hujson.Value) {
	const most, tagTakes = 50, "letters, digits, blanks and _ . : / = + - @"
	tags := member(v, "session_tags")
	if n := len(a.SessionTags); n > most {
		c.add(tags.StartOffset, `"session_tags" has %d tags: %d at most`, n, most)
	}
	keys := make(map[string]string, len(a.SessionTags))
	if len(a.SessionTags) > 0 {
		for i := range tags.Value.(*hujson.Object).Members {
			m := &tags.Value.(*hujson.Object).Members[i]
			key := unquote(m.Name.Value.(hujson.Literal))
			if other, dup := keys[strings.ToLower(key)]; dup && other != key {
				c.add(m.Name.StartOffset, "tag %s is also called %s: case doesn't make two tags differ", tui.Quote(key), tui.Quote(other))
			}
			keys[strings.ToLower(key)] = key
			c.chars(m.Name.StartOffset, "the key of a tag", key, 1, 128, isTag, tagTakes)
			if strings.HasPrefix(strings.ToLower(key), "aws:") {
				c.add(m.Name.StartOffset, "tag %s begins with aws:, which AWS keeps for itself", tui.Quote(key))
			}
			if lit, ok := m.Value.Value.(hujson.Literal); ok && lit.Kind() == '"' {
				c.chars(m.Value.StartOffset, "the value of a tag", unquote(lit), 0, 256, isTag, tagTakes)
			}
		}
	}
	seen := map[string]bool{}
	for i, key := range a.TransitiveTagKeys {
		at := elements(member(v, "transitive_tag_keys"))[i].StartOffset
		lower := strings.ToLower(key)
		switch {
		case key == "":
		case seen[lower]:
			c.add(at, `"transitive_tag_keys" names %s twice`, tui.Quote(key))
		case keys[lower] != "" && keys[lower] != key:
			c.add(at, `"transitive_tag_keys" names %s, and the tag is called %s: STS takes them for two`,
				tui.Quote(key), tui.Quote(keys[lower]))
		case keys[lower] == "" && !c.broken[v]:
			var known []string
			for _, k := range keys {
				known = append(known, k)
			}
			slices.Sort(known)
			guess := c.guess(key, known)
			if guess == "" {
				guess = `: only those can be passed on`
			}
			c.add(at, `%s in "transitive_tag_keys" is not one of the "session_tags"%s`, tui.Quote(key), guess)
		}
		seen[lower] = true
	}
}

func (c *check) policies(a *Account, v *hujson.Value) {
	const mostCharacters, mostARNs = 2048, 10
	if n := utf8.RuneCountInString(string(a.Policy)); n > mostCharacters {
		c.at(v, "policy", `"policy" has %d characters without its white space: %d at most`, n, mostCharacters)
	}
	if r, odd := firstNot(string(a.Policy), isPolicy); odd {
		c.at(v, "policy", `"policy" has a control character in it (%U)`, r)
	}
	nodes := elements(member(v, "policy_arns"))
	if len(a.PolicyARNs) > mostARNs {
		c.at(v, "policy_arns", `"policy_arns" has %d policies: %d at most`, len(a.PolicyARNs), mostARNs)
	}
	for i, s := range a.PolicyARNs {
		p, ok := parseARN(s)
		_, isPolicy := p.name("policy", 128)
		at := nodes[i].StartOffset
		switch {
		case s == "":
		case !ok || p.service != "iam" || p.account != "aws" && !IsAccountID(p.account) || !isPolicy:
			c.add(at, `%s is not the ARN of a policy, like "arn:aws:iam::aws:policy/ReadOnlyAccess"`, tui.Quote(s))
		case slices.Contains(a.PolicyARNs[:i], s):
			c.add(at, `"policy_arns" names %s twice`, tui.Quote(s))
		case p.account != "aws" && IsAccountID(a.AccountID) && p.account != a.AccountID:
			c.add(at, `%s is in account %s: the policies of a session must be in the role's, %s`, tui.Quote(s), p.account, a.AccountID)
		}
	}
}

// guess is DidYouMean for names of which there are many: comparing each with each would make a bad file of
// 10,000 accounts take minutes.
func (c *check) guess(s string, known []string) string {
	if c.looked += len(known); c.looked > 200_000 {
		return ""
	}
	return DidYouMean(s, known)
}
