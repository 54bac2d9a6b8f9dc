package accounts

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/tui"
)

// Found is what ~/.aws holds that accounts can be made of: sources before what is assumed from them, so that each of the
// accounts can be added in turn.
type Found struct {
	Accounts    []FoundAccount
	SSOSessions []SSOSession // that the accounts file doesn't have yet
	Left        []awsfiles.Conflict
}

// FoundAccount is a profile as an account.
type FoundAccount struct {
	Account
	From    string // the profile
	KeyID   string // of its long-term access key in the credentials file, "" where it has none
	Keyless bool   // no credentials are known for it: its keys have to be put into the keychain first
	New     bool   // the accounts file doesn't have it yet
}

// Discover reads profiles of roles and Identity Center, and those that they begin with, as the AWS tools and aws-vault do.
// have is the accounts file; ready says whether an account of it that begins in the keychain has its key there.
func Discover(files *awsfiles.Files, have *File, ready func(name string) bool) *Found {
	d := &discovery{files: files, have: have, ready: ready,
		done: map[string]result{}, names: map[string]bool{}, profiles: map[string][]string{}, found: &Found{}}
	for _, name := range files.Names() {
		if strings.EqualFold(name, DefaultProfile) && name != DefaultProfile {
			continue // [DEFAULT] or [Default]: nobody takes it for the default profile
		}
		d.profiles[strings.ToLower(name)] = append(d.profiles[strings.ToLower(name)], name)
	}
	for a := range have.All() {
		d.names[strings.ToLower(a.Name)] = true
	}
	for _, name := range files.Names() {
		if d.isStart(name) {
			d.resolve(name)
		}
	}
	return d.found
}

type discovery struct {
	files    *awsfiles.Files
	have     *File
	ready    func(string) bool
	done     map[string]result
	names    map[string]bool     // lower-case names of accounts that there are or will be
	profiles map[string][]string // lower-case name → all that are called so
	found    *Found
}

// result is what became of a profile: the account that hands its credentials out, or why there is none.
type result struct {
	account string
	err     error
}

var errNoKey = errors.New("no access key")

func (d *discovery) get(profile, key string) string {
	for range 10 { // aws-vault's include_profile goes on and on
		p, ok := d.files.Profile(profile)
		if !ok {
			return ""
		}
		if found, ok := p.Get(awsfiles.Both, key); ok && found.Value != "" {
			return found.Value
		}
		next, ok := p.Get(awsfiles.Both, "include_profile")
		if !ok || next.Value == "" {
			return ""
		}
		profile = next.Value
	}
	return ""
}

// region is the profile's, where the AWS tools agree which that is: its stanza says it to each as before.
func (d *discovery) region(profile string) string {
	if p, ok := d.files.Profile(profile); ok {
		if found, ok := p.Get(awsfiles.Both, "region"); ok && found.By != awsfiles.Both {
			return ""
		}
	}
	return d.get(profile, "region")
}

// isStart are the profiles worth an account for themselves, not only as somebody's source.
func (d *discovery) isStart(profile string) bool {
	p, _ := d.files.Profile(profile)
	if _, _, token, err := p.Keys(); err == nil && token == "" {
		return true
	}
	if _, ours := p.Account(); ours {
		return false
	}
	return d.get(profile, "role_arn") != "" || d.get(profile, "sso_account_id") != ""
}

func (d *discovery) leave(profile string, err error) {
	line := 0
	if p, ok := d.files.Profile(profile); ok && len(p.Config) > 0 {
		line = p.Config[0].Line
	}
	d.found.Left = append(d.found.Left, awsfiles.Conflict{Profile: profile, Line: line, Reason: err.Error()})
}

func (d *discovery) resolve(profile string) (account string, err error) {
	if r, ok := d.done[profile]; ok {
		return r.account, r.err
	}
	d.done[profile] = result{err: errors.New("its sources go in a circle")}
	account, err = d.account(profile)
	d.done[profile] = result{account, err}
	if _, there := d.files.Profile(profile); err != nil && there && d.isStart(profile) {
		d.leave(profile, err)
	}
	return account, err
}

// account makes the account of a profile, or finds the one that the file has for it.
func (d *discovery) account(profile string) (string, error) {
	p, ok := d.files.Profile(profile)
	if !ok {
		return "", fmt.Errorf("there is no profile %s", tui.Quote(profile))
	}
	id, _, token, keyErr := p.Keys()
	if name, ours := p.Account(); ours {
		a, err := d.have.Find(name)
		if err != nil {
			return "", fmt.Errorf("the profile is ours, but its account %s isn't in the accounts file", tui.Quote(name))
		}
		if keyErr == nil && token == "" && a.Way().Keychain { // an import that was interrupted
			d.found.Accounts = append(d.found.Accounts, FoundAccount{Account: *a, From: profile, KeyID: id})
		}
		return a.Name, nil
	}
	if err := p.Disagreement(); err != nil {
		return "", err
	}
	role := d.get(profile, "role_arn")
	ways := []string{"source_profile", "credential_source", "web_identity_token_file", "credential_process"}
	ways = slices.DeleteFunc(ways, func(way string) bool { return d.get(profile, way) == "" })
	switch {
	case role != "" && len(ways) > 1:
		return "", fmt.Errorf("it has both %s and %s, which the SDKs refuse", ways[0], ways[1])
	case role != "" && d.get(profile, "source_profile") == profile:
		return "", errors.New("the role begins with the profile's own access key: give the key a profile of its own")
	case role != "" && id != "":
		return "", errors.New("the credentials file has an access key of the same name, which wins")
	case role != "" && d.get(profile, "web_identity_token_file") != "":
		return d.base(profile, FoundAccount{Account: Account{Credentials: &Credentials{
			WebIdentityTokenFile: d.get(profile, "web_identity_token_file"), RoleARN: role}}})
	case role != "":
		return d.role(profile, role)
	case d.get(profile, "sso_account_id") != "":
		return d.sso(profile)
	case keyErr == nil && token != "":
		return "", errors.New("it has temporary credentials, which end by themselves")
	case keyErr == nil:
		return d.base(profile, FoundAccount{KeyID: id, Account: Account{Credentials: &Credentials{Profile: profile}}})
	case d.get(profile, "credential_process") != "" || d.get(profile, "login_session") != "" || d.get(profile, "aws_access_key_id") != "":
		return d.base(profile, FoundAccount{Account: Account{Credentials: &Credentials{Profile: profile}}})
	}
	// aws-vault keeps keys elsewhere.
	return d.base(profile, FoundAccount{Keyless: true, Account: Account{Credentials: &Credentials{Keychain: true}}})
}

// existing is the account of the file that the profile is already: it hands it out, or begins with it.
func (d *discovery) existing(profile string) *Account {
	var found *Account
	for a := range d.have.All() {
		if a.Way().Profile == profile {
			return a
		}
		if a.ProfileName() == profile {
			found = a
		}
	}
	return found
}

func (d *discovery) base(profile string, b FoundAccount) (string, error) {
	b.From = profile
	if a := d.existing(profile); a != nil {
		switch way := a.Way(); {
		case !a.IsBase():
			return "", fmt.Errorf("account %s of the accounts file is another one", tui.Quote(a.Name))
		case b.KeyID != "" && (way.Profile == profile || way.Keychain): // of the latter an import that was interrupted
			b.Account = *a
			if b.EffectiveRegion() == "" { // its profile won't say it any more
				b.Region = d.region(profile)
			}
			d.found.Accounts = append(d.found.Accounts, b)
		case way.Keychain && !d.ready(a.Name):
			return "", d.noKey(profile, a.Name)
		}
		return a.Name, nil
	}
	b.New = true
	var err error
	if b.Name, err = d.name(profile); err != nil {
		return "", err
	}
	b.MFASerial = d.get(profile, "mfa_serial")
	b.MFAProcess = d.get(profile, "mfa_process")
	b.Region = d.region(profile)
	if b.Credentials.WebIdentityTokenFile != "" {
		b.Profile = d.profile(b.Name, profile)
		b.MFASerial, b.MFAProcess = "", ""
		b.SessionName = d.get(profile, "role_session_name")
	}
	d.found.Accounts = append(d.found.Accounts, b)
	if b.Keyless {
		return "", d.noKey(profile, b.Name)
	}
	return b.Name, nil
}

func (d *discovery) noKey(profile, account string) error {
	return fmt.Errorf("%w of profile %s in ~/.aws: where aws-vault has it, `aws-vault exec --no-session %s -- aws-accounts keys add %s --from-environment` moves it, then `aws-accounts init` again",
		errNoKey, tui.Quote(profile), profile, account)
}

func (d *discovery) role(profile, arn string) (string, error) {
	a := Account{
		RoleARN: arn, Region: d.region(profile), ExternalID: d.get(profile, "external_id"), SessionName: d.get(profile, "role_session_name"),
		MFASerial: d.get(profile, "mfa_serial"), MFAProcess: d.get(profile, "mfa_process"), SourceIdentity: d.get(profile, "source_identity"),
	}
	p, ok := parseARN(arn)
	if !ok {
		return "", fmt.Errorf("%s is not the ARN of a role", tui.Quote(arn))
	}
	a.AccountID = p.account
	if s := d.get(profile, "duration_seconds"); s != "" {
		var err error
		if a.Duration, err = ParseDuration(s); err != nil {
			return "", fmt.Errorf("duration_seconds %w", err)
		}
	}
	if s := d.get(profile, "session_tags"); s != "" {
		a.SessionTags = map[string]string{}
		for _, pair := range strings.Split(s, ",") {
			k, v, _ := strings.Cut(pair, "=")
			a.SessionTags[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	if s := d.get(profile, "transitive_session_tags"); s != "" {
		for _, k := range strings.Split(s, ",") {
			a.TransitiveTagKeys = append(a.TransitiveTagKeys, strings.TrimSpace(k))
		}
	}
	var err error
	source := d.get(profile, "source_profile")
	switch from := d.get(profile, "credential_source"); {
	case source != "":
		if a.Source, err = d.resolve(source); err != nil {
			return "", fmt.Errorf("its source_profile %s can't be taken over: %w", source, err)
		}
	case from == "Environment":
		a.Source = d.machine("environment", Credentials{Environment: true})
	case from == "Ec2InstanceMetadata" || from == "EcsContainer":
		a.Source = d.machine("instance", Credentials{Instance: true})
	default:
		return "", errors.New("nothing says with which credentials its role is assumed")
	}
	if s := d.lookup(a.Source); s != nil && (!s.IsBase() || strings.EqualFold(s.MFASerial, a.MFASerial)) {
		a.MFASerial, a.MFAProcess = "", "" // a role has no device; and a code of the source's serves all of its roles
	}
	return d.add(profile, a)
}

// machine is the base account for what the computer itself has.
func (d *discovery) machine(name string, way Credentials) string {
	for a := range d.have.All() {
		if a.Way() == way {
			return a.Name
		}
	}
	for _, f := range d.found.Accounts {
		if f.Way() == way {
			return f.Name
		}
	}
	f := FoundAccount{Account: Account{Name: d.free(name, ""), Credentials: &way}, New: true}
	d.found.Accounts = append(d.found.Accounts, f)
	return f.Name
}

func (d *discovery) sso(profile string) (string, error) {
	s := SSOSession{Name: d.get(profile, "sso_session"), StartURL: d.get(profile, "sso_start_url"), Region: d.get(profile, "sso_region")}
	scopes := ""
	if s.Name != "" {
		section := d.files.SSOSession(awsfiles.Both, s.Name)
		if section == nil {
			return "", fmt.Errorf("there is no [sso-session %s]", s.Name)
		}
		for _, st := range section.Settings {
			into := map[string]*string{"sso_start_url": &s.StartURL, "sso_region": &s.Region,
				"sso_registration_scopes": &scopes}[st.Key]
			switch {
			case into == nil:
			case st.By != awsfiles.Both:
				return "", fmt.Errorf("the AWS tools disagree about %s of [sso-session %s] in line %d", st.Key, s.Name, st.Line)
			case *into != "" && *into != st.Value:
				return "", fmt.Errorf("its %s differs from that of [sso-session %s]", st.Key, s.Name)
			default:
				*into = st.Value
			}
		}
		for scope := range strings.SplitSeq(scopes, ",") {
			if scope = strings.TrimSpace(scope); scope != "" {
				s.RegistrationScopes = append(s.RegistrationScopes, scope)
			}
		}
	} else { // before there were sessions
		host := strings.TrimPrefix(strings.TrimPrefix(s.StartURL, "https://"), "http://")
		s.Name, _, _ = strings.Cut(host, ".")
		s.Name = cleanName(s.Name)
	}
	if !IsStartURL(s.StartURL) || s.Name == "" {
		return "", errors.New("its sso_start_url is missing, or no address")
	}
	if !regionShape.MatchString(s.Region) {
		return "", errors.New("its sso_region is missing, or no region")
	}
	a := Account{AccountID: d.get(profile, "sso_account_id"), Region: d.region(profile), SSO: &SSO{RoleName: d.get(profile, "sso_role_name")}}
	if a.SSO.RoleName == "" {
		return "", errors.New("it has no sso_role_name")
	}
	all := append(slices.Clone(d.have.SSOSessions), d.found.SSOSessions...)
	for _, have := range all {
		if have.StartURL == s.StartURL && have.Region == s.Region {
			a.SSO.Session = have.Name
		}
	}
	if a.SSO.Session == "" {
		s.Name = cleanName(s.Name)
		if slices.ContainsFunc(all, func(o SSOSession) bool { return strings.EqualFold(o.Name, s.Name) }) {
			return "", fmt.Errorf("the accounts file has another SSO session %s", tui.Quote(s.Name))
		}
		d.found.SSOSessions = append(d.found.SSOSessions, s)
		a.SSO.Session = s.Name
	}
	return d.add(profile, a)
}

// add is for an account whose stanza takes the profile's place.
func (d *discovery) add(profile string, a Account) (string, error) {
	f := FoundAccount{Account: a, From: profile}
	if old := d.existing(profile); old != nil {
		if old.RoleARN != a.RoleARN || (old.SSO == nil) != (a.SSO == nil) {
			return "", fmt.Errorf("account %s of the accounts file is another one", tui.Quote(old.Name))
		}
		f.Account = *old
	} else {
		f.New = true
		var err error
		if f.Name, err = d.name(profile); err != nil {
			return "", err
		}
		f.Profile = d.profile(f.Name, profile)
	}
	d.found.Accounts = append(d.found.Accounts, f)
	return f.Name, nil
}

// profile is the field of that name where it is needed.
func (d *discovery) profile(name, profile string) string {
	if d.have.Defaults.ProfilePrefix+name == profile {
		return ""
	}
	return profile
}

// name is a name for a profile's account. People take the two for one, and names of accounts compare without case: what is
// the name of one profile is never that of another profile's account.
func (d *discovery) name(profile string) (string, error) {
	lower := strings.ToLower(profile)
	for _, other := range d.profiles[lower] {
		if other != profile {
			return "", fmt.Errorf("it differs from [profile %s] in case alone, and case makes no two accounts: "+
				"rename one of them, then `aws-accounts init` again", other)
		}
	}
	switch {
	case profile == DefaultProfile && !d.names["main"] && d.profiles["main"] == nil:
		profile = "main"
	case cleanName(profile) != profile:
		return d.free(cmp.Or(cleanName(profile), "account"), profile), nil
	case d.names[lower]:
		return "", fmt.Errorf("account %s of the accounts file is another one", tui.Quote(profile))
	}
	d.names[strings.ToLower(profile)] = true
	return profile, nil
}

// free is a name that neither an account has nor another profile than the one given.
func (d *discovery) free(name, profile string) string {
	free := name
	for n := 2; d.names[strings.ToLower(free)] || free != profile && d.profiles[strings.ToLower(free)] != nil; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	d.names[strings.ToLower(free)] = true
	return free
}

// cleanName is what of a profile's name can be an account's.
func cleanName(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return !isWord(r, ".@+-") })
	name := strings.Trim(strings.Join(words, "-"), "._@+-")
	return name[:min(len(name), 60)]
}

func (d *discovery) lookup(name string) *Account {
	for i := range d.found.Accounts {
		if d.found.Accounts[i].Name == name {
			return &d.found.Accounts[i].Account
		}
	}
	for a := range d.have.All() {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Without are the accounts but for those of the profiles in left, which maps each to why. It adds those that begin with one
// of them, and leaves out what needs no saying: the only base account is everybody's source.
func (f *Found) Without(left map[string]string, have *File) []FoundAccount {
	var kept []FoundAccount
	gone := map[string]string{} // account → its profile
	bases := NamesOf(have.Bases())
	for _, a := range f.Accounts {
		if from, is := gone[a.Source]; is && a.New {
			left[a.From] = ": its source_profile " + from + " is left"
		}
		if _, is := left[a.From]; is && a.From != "" {
			if a.New {
				gone[a.Name] = a.From
			}
			continue
		}
		if a.New && a.IsBase() {
			bases = append(bases, a.Name)
		}
		kept = append(kept, a)
	}
	for i := range kept {
		if a := &kept[i]; a.New && len(bases) == 1 && a.Source == bases[0] {
			a.Source = ""
		}
	}
	return kept
}

// OneCode is a new base account whose roles are all new, and each asks for a code of the same device.
type OneCode struct {
	Base  *FoundAccount
	Roles []*FoundAccount
}

// OneCodes are the base accounts at which one code would serve several roles.
func (f *Found) OneCodes() (all []OneCode) {
	for i := range f.Accounts {
		if base := &f.Accounts[i]; base.New && base.KeyID != "" && base.canShareCode() {
			if o := (OneCode{base, f.rolesOf(base)}); len(o.Roles) > 1 && o.alike() {
				all = append(all, o)
			}
		}
	}
	return all
}

// rolesOf are those that are assumed with a base account.
func (f *Found) rolesOf(base *FoundAccount) (roles []*FoundAccount) {
	for i := range f.Accounts {
		if r := &f.Accounts[i]; r.RoleARN != "" && r.Source == base.Name {
			roles = append(roles, r)
		}
	}
	return roles
}

// AsksForCodes reports whether a role of the base account asks for codes itself.
func (f *Found) AsksForCodes(base *FoundAccount) bool {
	return slices.ContainsFunc(f.rolesOf(base), func(r *FoundAccount) bool { return r.MFASerial != "" })
}

func (o OneCode) alike() bool {
	first := o.Roles[0]
	return first.MFASerial != "" && !slices.ContainsFunc(o.Roles, func(r *FoundAccount) bool {
		return !r.New || !strings.EqualFold(r.MFASerial, first.MFASerial) || r.MFAProcess != first.MFAProcess
	})
}

// Take moves the device from the roles to the base account.
func (o OneCode) Take() {
	o.Base.MFASerial, o.Base.MFAProcess = o.Roles[0].MFASerial, o.Roles[0].MFAProcess
	for _, r := range o.Roles {
		r.MFASerial, r.MFAProcess = "", ""
	}
}
