package awsfiles

import (
	"slices"
	"strings"
)

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
