package awsfiles

import (
	"fmt"
	"slices"
	"strings"
)

const (
	keyProcess = "credential_process"
	keyRegion  = "region"
	keySource  = "source_profile"
)

// Files is what both files say together.
type Files struct{ config, credentials *document }

// Profile is all there is under one name. The slices hold its sections as either reader sees them, in file order:
// normally one of Config, and one of Credentials for static keys.
type Profile struct {
	Name        string
	Config      []*Section
	Credentials []*Section

	files *Files // for botocore's [DEFAULT]
}

// Profiles reads both files; either may be empty. The error says which file is no text at all; whatever else is wrong
// is in [Files.Problems].
func Profiles(config, credentials []byte) (*Files, error) {
	f := &Files{}
	var err error
	if f.config, err = parse(config, Config); err != nil {
		return nil, fmt.Errorf("%s: %w", Config, err)
	}
	if f.credentials, err = parse(credentials, Credentials); err != nil {
		return nil, fmt.Errorf("%s: %w", Credentials, err)
	}
	return f, nil
}

// Names are the profiles of both files, in order of their first appearance.
func (f *Files) Names() []string {
	names := slices.Clone(f.config.names)
	for _, name := range f.credentials.names {
		if f.config.named[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

// Profile looks one up. Names are compared exactly, as both readers do.
func (f *Files) Profile(name string) (*Profile, bool) {
	p := &Profile{name, f.config.named[name], f.credentials.named[name], f}
	return p, len(p.Config)+len(p.Credentials) > 0
}

// SSOSession is the section [sso-session name] as r has it, or nil.
func (f *Files) SSOSession(r Reader, name string) *Section {
	for _, s := range f.config.sections {
		rest, ok := strings.CutPrefix(s.goName, "sso-session ")
		toGo, toBotocore := ok && strings.TrimSpace(rest) == name, botoNamed("sso-session", s.botoName) == name
		if (toGo || r&Go == 0) && (toBotocore || r&Botocore == 0) {
			return s
		}
	}
	return nil
}

// Problems are those of one file, in order of lines.
func (f *Files) Problems(file File) []Problem {
	if file == Credentials {
		return slices.Clone(f.credentials.problems)
	}
	return slices.Clone(f.config.problems)
}

// Found is a setting and the file that it is in. By are the readers to whom it belongs to the profile in question.
type Found struct {
	Setting
	File File
}

// Get is what r makes of a key of the profile, from both files: the credentials file wins, then the later line. With
// [Both], Go's view comes first, and botocore's is asked where that has nothing.
func (p *Profile) Get(r Reader, key string) (Found, bool) {
	var got Found
	for _, one := range []Reader{Go, Botocore} {
		seen := p.seen(one, key)
		if r&one == 0 || len(seen) == 0 {
			continue
		}
		last := seen[len(seen)-1]
		switch {
		case got.By == 0:
			got = last
		case got.Line == last.Line && got.File == last.File && got.Value == last.Value:
			got.By |= one
		}
	}
	return got, got.By != 0
}

// all are the settings of a key that any reader sees in the profile.
func (p *Profile) all(key string) []Found {
	out := p.seen(Go, key)
	for _, f := range p.seen(Botocore, key) {
		i := slices.IndexFunc(out, func(o Found) bool { return o.File == f.File && o.Line == f.Line && o.Value == f.Value })
		if i >= 0 {
			out[i].By |= Botocore
		} else {
			out = append(out, f)
		}
	}
	return out
}

func (p *Profile) seen(r Reader, key string) []Found {
	var out []Found
	collect := func(s *Section, file File) {
		for _, st := range s.Settings {
			if st.Key == key && st.By&r != 0 {
				st.By = r
				out = append(out, Found{st, file})
			}
		}
	}
	both := map[File][]*Section{Config: p.effective(r)}
	for _, s := range p.Credentials {
		if s.profile(r) == p.Name {
			both[Credentials] = append(both[Credentials], s)
		}
	}
	for _, d := range []*document{p.files.config, p.files.credentials} {
		if r == Botocore && len(both[d.file]) > 0 {
			both[d.file] = append(slices.Clone(d.defaults), both[d.file]...)
		}
		for _, s := range both[d.file] {
			collect(s, d.file)
		}
	}
	return out
}

// effective are the sections of the config file that count for r. For Go all of one header merge, and
// [profile default] replaces [default]; for botocore, of differently written headers of one profile the last counts.
func (p *Profile) effective(r Reader) []*Section {
	winner := ""
	first := map[string]bool{}
	name := func(s *Section) string {
		if r == Go {
			return s.goName
		}
		return s.botoName
	}
	for _, s := range p.Config {
		if s.profile(r) != p.Name || first[name(s)] {
			continue
		}
		first[name(s)] = true
		if r == Botocore || winner == "" || winner == "default" {
			winner = name(s)
		}
	}
	var out []*Section
	for _, s := range p.Config {
		if s.profile(r) == p.Name && name(s) == winner {
			out = append(out, s)
		}
	}
	return out
}

// Disagreement is an error that names what the readers differ about of where the profile's credentials come from, nil if
// they agree.
func (p *Profile) Disagreement() error {
	for _, key := range deciding {
		for _, f := range p.all(key) {
			if f.By != Both {
				return fmt.Errorf("the AWS tools disagree about its %s in line %d of the %s", key, f.Line, f.File)
			}
		}
	}
	return nil
}

// Account is whose stanza the profile is: some section of it in the config file is ours and none calls another program.
func (p *Profile) Account() (account string, ok bool) { return accountIn(p.Config) }

// InCredentials reports whether it is a stanza of ours in the credentials file.
func (p *Profile) InCredentials() bool {
	_, ours := accountIn(p.Credentials)
	return ours
}

func accountIn(sections []*Section) (account string, ok bool) {
	for _, s := range sections {
		a, ours := stanzaOf(s)
		if !ours && has(s, keyProcess) || ours && ok && a != account {
			return "", false
		}
		if ours {
			account, ok = a, true
		}
	}
	return account, ok
}

func has(s *Section, keys ...string) bool {
	return slices.ContainsFunc(s.Settings, func(st Setting) bool { return slices.Contains(keys, st.Key) })
}

// CallsUs says whether resolving a profile can end in starting our program, directly or through a chain of
// source_profile. It errs on the safe side: one reader, one mention of the program anywhere in a command is enough.
func (f *Files) CallsUs(profile string) bool { return f.callsUs(profile, map[string]bool{}) }

func (f *Files) callsUs(name string, visited map[string]bool) bool {
	p, ok := f.Profile(name)
	if !ok || visited[name] {
		return false
	}
	visited[name] = true
	return slices.ContainsFunc(p.all(keyProcess), func(st Found) bool { return mentionsUs(st.Value) }) ||
		slices.ContainsFunc(p.all(keySource), func(st Found) bool { return f.callsUs(st.Value, visited) })
}

// Seen reports whether the profile exists to the readers in r.
func (p *Profile) Seen(r Reader) bool {
	return len(p.effective(r)) > 0 || slices.ContainsFunc(p.Credentials, func(s *Section) bool { return s.profile(r) == p.Name })
}

// Endpoint is the endpoint_url that the section [services name] gives to a service, which is called as there: sts, sso_oidc.
func (f *Files) Endpoint(name, service string) (Found, bool) {
	var found Found
	for _, s := range f.config.sections {
		if rest, ok := strings.CutPrefix(s.goName, "services "); !ok || strings.TrimSpace(rest) != name {
			continue
		}
		for _, st := range s.Settings {
			if st.Key != service || !st.Nested {
				continue
			}
			if inner, ok := f.config.nested(s, st.Line, "endpoint_url"); ok {
				found = Found{inner, Config}
			}
		}
	}
	return found, found.By != 0
}

// nested is the setting called key in the block below the line "service =" of a section.
func (d *document) nested(s *Section, header int, key string) (Setting, bool) {
	var found Setting
	for i := header; i <= s.last; i++ {
		t := d.text(i)
		if d.blank(i) || d.comment(i) {
			continue
		}
		if t[0] != ' ' && t[0] != '\t' {
			break
		}
		if k, v, ok := goProperty(strings.TrimLeft(t, " \t")); ok && strings.EqualFold(k, key) {
			found = Setting{Key: key, Value: goUnquote(strings.TrimSpace(goTrimComment(v))), Line: i + 1, By: Both}
		}
	}
	return found, found.By != 0
}
