package awsfiles

import (
	"bytes"
	"slices"
	"strings"
)

// TakenOver is what an edit did about a profile that somebody else wrote.
const TakenOver Action = "taken over"

// deciding are the settings that say where a profile's credentials come from, to the AWS tools and to aws-vault. In a
// stanza of ours each of them would win over credential_process, clash with it, or say what is no longer so.
var deciding = []string{
	"role_arn", keySource, "credential_source", "external_id", "mfa_serial", "duration_seconds", "role_session_name",
	"web_identity_token_file", "sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name",
	"sso_registration_scopes", "login_session", keyProcess,
	// aws-vault's own: https://github.com/99designs/aws-vault/blob/master/vault/config.go
	"mfa_process", "include_profile", "parent_profile", "source_identity", "session_tags", "transitive_session_tags",
	"web_identity_token_process",
}

func decidesSource(key string) bool { return slices.Contains(deciding, key) }

// TakeOver is EditConfig that also turns profiles of somebody else into stanzas of ours: it is for profiles whose owner has
// agreed. Of such a section the settings that decide about credentials go, and credential_process stands where the first of
// them stood; all other settings, nested blocks and comments stay where they are. Comments behind a value that goes get
// lines of their own.
//
// A section that can't be changed safely is left, and is in the report: the AWS tools read it differently, it is there more
// than once, or it holds access keys.
func TakeOver(old []byte, want []Stanza) ([]byte, Report, error) {
	d, err := parse(old, Config)
	if err != nil {
		return nil, Report{}, err
	}
	e := &editor{document: d, drop: make([]bool, len(d.lines)), put: map[int]string{}, after: map[int]string{}}
	var rest []Stanza
	taken := map[string]int{} // profile → its line
	for _, w := range want {
		if err := w.check(); err != nil {
			return nil, Report{}, err
		}
		var sections []*Section
		foreign := false
		for _, s := range d.sections {
			if s.goProfile == w.Profile || s.botoPr == w.Profile {
				sections = append(sections, s)
				_, ours := stanzaOf(s)
				foreign = foreign || !ours
			}
		}
		if !foreign {
			rest = append(rest, w)
			continue
		}
		s := sections[0]
		if reason := e.untakable(s, len(sections)); reason != "" {
			e.conflict(w.Profile, s, e.decides(s), reason)
			continue
		}
		e.take(w, s)
		taken[w.Profile] = s.Line
		rest = append(rest, w)
	}
	edited, report, err := EditConfig(e.bytes(), rest, nil)
	if err != nil {
		return nil, Report{}, err
	}
	for i, c := range report.Changes {
		if line, ok := taken[c.Profile]; ok {
			report.Changes[i].Action, report.Changes[i].Line = TakenOver, line
		}
	}
	for _, c := range report.Conflicts {
		if line, ok := taken[c.Profile]; ok {
			c.Line = line
		}
		e.report.Conflicts = append(e.report.Conflicts, c)
	}
	report.Conflicts = e.report.Conflicts
	if bytes.Equal(edited, old) {
		edited = old
	}
	return edited, report, nil
}

// untakable is why a section is left to its owner.
func (e *editor) untakable(s *Section, sections int) string {
	if sections > 1 {
		return "the profile is there more than once"
	}
	if reason := e.odd(s); reason != "" {
		return reason
	}
	for _, st := range s.Settings {
		switch {
		case slices.Contains(keyNames, st.Key):
			return "it holds an access key: move that to the credentials file, then try again"
		case !decidesSource(st.Key):
		case st.Nested || s.seenBy(st) != Both || keyOf(e.text(st.Line-1)) != st.Key:
			return "the AWS tools disagree about its " + st.Key
		default:
			if _, err := e.span(s, st.Line-1, nil); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

func (e *editor) take(w Stanza, s *Section) {
	ours := keyProcess + " = " + w.Command
	first := true
	for i := s.Line; i <= s.last; i++ {
		if e.blank(i) || e.comment(i) || e.drop[i] || !s.sees(i) || !decidesSource(keyOf(e.text(i))) {
			continue
		}
		t := e.text(i)
		end, _ := e.span(s, i, nil) // untakable has seen that it's no error
		for j := i + 1; j <= end; j++ {
			e.drop[j] = e.drop[j] || !e.blank(j) && !e.comment(j)
		}
		indented := t[:len(t)-len(strings.TrimLeftFunc(t, isSpace))]
		comment := strings.TrimLeft(t[len(goTrimComment(t)):], " \t")
		if comment != "" {
			comment = indented + strings.TrimRight(comment, " \t")
		}
		switch {
		case first && comment != "":
			e.put[i] = comment + e.eolAt(i) + indented + ours + e.eol(i)
		case first:
			e.put[i] = indented + ours + e.eol(i)
		case comment != "":
			e.put[i] = comment + e.eol(i)
		default:
			e.drop[i] = true
		}
		first = false
	}
	if first {
		header := s.Line - 1
		if e.eol(header) == "" {
			e.after[header] = e.eolAt(header) + ours
		} else {
			e.after[header] = ours + e.eolAt(header)
		}
	}
}
