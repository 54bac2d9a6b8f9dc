package awsfiles

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func seed(f *testing.F, dir string, add func([]byte)) {
	for _, b := range testFiles(f, dir) {
		add(b)
	}
}

// FuzzProfiles: the model of Go's reader is Go's reader.
func FuzzProfiles(f *testing.F) {
	seed(f, "config", func(b []byte) { f.Add(b, []byte("[dev]\nregion = x\n")) })
	seed(f, "credentials", func(b []byte) { f.Add([]byte("[profile old]\nregion = x\n"), b) })
	f.Fuzz(func(t *testing.T, config, credentials []byte) {
		agrees(t, config, credentials)
		if files, err := Profiles(config, credentials); err == nil {
			for _, name := range files.Names() {
				p, _ := files.Profile(name)
				p.Shadows()
				if _, ours := p.Account(); ours {
					if _, calls := files.CallsUs(name); !calls {
						t.Fatalf("%q is ours, but doesn't call us", name)
					}
				}
			}
		}
	})
}

// FuzzEditConfig: what is somebody else's stays to the byte and means the same, twice is once, and what was written is
// read back by the SDK.
func FuzzEditConfig(f *testing.F) {
	seed(f, "config", func(b []byte) {
		f.Add(b, "dev", "eu-west-1", "prod")
		f.Add(b, "fresh", "", "")
		f.Add(b, "default", "us-east-1", "dev")
	})
	f.Fuzz(func(t *testing.T, old []byte, profile, region, gone string) {
		want := []Stanza{stanza(profile, region), stanza("second", "")}
		want[0].Command = "/opt/aws-accounts process dev"
		remove := func(_, account string) bool { return account == gone }
		got, report, err := EditConfig(old, want, remove)
		if err != nil {
			return
		}
		if !report.Changed() && !bytes.Equal(got, old) {
			t.Fatalf("nothing changed, but %q became %q", old, got)
		}
		twice, again, err := EditConfig(got, want, remove)
		if err != nil || !bytes.Equal(twice, got) || again.Changed() {
			t.Fatalf("%q\nbecame %q\nthen   %q %+v, %v", old, got, twice, again, err)
		}
		before, after := outside(t, old), outside(t, got)
		if !slices.Equal(before, after) {
			t.Fatalf("%q\nbecame %q\noutside %q\nbecame  %q", old, got, before, after)
		}
		wasIn, isIn := inside(t, old), inside(t, got)
		removed := map[string]bool{}
		for _, c := range report.Changes {
			removed[c.Profile] = c.Action == Removed
		}
		for name, lines := range wasIn {
			if !removed[name] && !subsequence(lines, isIn[name]) {
				t.Fatalf("%q\nbecame %q\nin %s: %q\nbecame %q", old, got, name, lines, isIn[name])
			}
		}
		oldFiles, _ := Profiles(old, nil)
		newFiles, _ := Profiles(got, nil)
		touched := map[string]bool{}
		for _, c := range report.Changes {
			touched[c.Profile] = true
		}
		for _, name := range oldFiles.Names() {
			if !touched[name] && meaning(oldFiles, name) != meaning(newFiles, name) {
				t.Fatalf("%q\nbecame %q\nprofile %q: %s became %s", old, got, name, meaning(oldFiles, name), meaning(newFiles, name))
			}
		}
		for _, w := range want {
			if slices.ContainsFunc(report.Conflicts, func(c Conflict) bool { return c.Profile == w.Profile }) {
				continue
			}
			p, ok := newFiles.Profile(w.Profile)
			if !ok || len(p.Config) != 1 || !w.readsBack(p.Config[0]) {
				t.Fatalf("%q\nbecame %q, where %+v isn't read back", old, got, w)
			}
			if bytes.HasPrefix(got, utf8BOM) {
				continue
			}
			cfg, err, ok := sdk(t, got, nil, w.Profile)
			if ok && err == nil && cfg.SourceProfileName == "" && (cfg.CredentialProcess != w.Command || w.Region != "" && cfg.Region != w.Region) {
				t.Fatalf("%q\nbecame %q, of which the SDK reads %q, %q", old, got, cfg.CredentialProcess, cfg.Region)
			}
		}
	})
}

// outside are the lines of a file that no stanza of ours holds, blank ones left out, as the separating ones are ours.
func outside(t *testing.T, src []byte) (lines []string) {
	d, err := parse(src, Config)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{document: d}
	mine := make([]bool, len(d.lines))
	for _, s := range d.sections {
		if _, ours := Ours(s); ours {
			for i := s.Line - 1; i <= e.body(s); i++ {
				mine[i] = true
			}
		}
	}
	for i := range d.lines {
		if !mine[i] && !d.blank(i) {
			eol := d.eol(i)
			if i == len(d.lines)-1 {
				eol = "" // the last line gets an ending when something is added behind it
			}
			lines = append(lines, d.text(i)+eol)
		}
	}
	if len(lines) > 0 {
		lines[len(lines)-1] = strings.TrimRight(lines[len(lines)-1], "\r\n")
	}
	return lines
}

// inside are the lines of our stanzas that are a user's.
func inside(t *testing.T, src []byte) map[string][]string {
	d, err := parse(src, Config)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{document: d}
	in := map[string][]string{}
	for _, s := range d.sections {
		if _, ours := Ours(s); !ours || e.odd(s) != "" {
			continue
		}
		skip := -1
		for i := s.Line; i <= e.body(s); i++ {
			k := keyOf(d.text(i))
			if (k == keyProcess || k == keyRegion) && !d.comment(i) && s.sees(i) {
				skip, _ = d.span(s, i, nil)
			}
			if d.comment(i) || i > skip && !d.blank(i) {
				in[s.Profile(Both)] = append(in[s.Profile(Both)], d.text(i))
			}
		}
	}
	return in
}

func subsequence(part, whole []string) bool {
	for _, l := range whole {
		if len(part) > 0 && part[0] == l {
			part = part[1:]
		}
	}
	return len(part) == 0
}

// meaning is all that both readers make of a profile, without line numbers.
func meaning(f *Files, name string) string {
	p, ok := f.Profile(name)
	if !ok {
		return "absent"
	}
	var b strings.Builder
	for _, r := range []Reader{Go, Botocore} {
		for _, s := range p.effective(r) {
			for _, st := range s.Settings {
				if st.By&r != 0 {
					fmt.Fprintf(&b, "%s: %s=%q; ", r, st.Key, st.Value)
				}
			}
		}
	}
	for _, s := range p.Credentials {
		for _, st := range s.Settings {
			fmt.Fprintf(&b, "%s: %s=%q; ", st.By, st.Key, st.Value)
		}
	}
	return b.String()
}

// FuzzRemoveKeys: only lines of the three keys go, with their continuation and an emptied section's header; nobody
// else's profile changes its meaning; and then there are no keys.
func FuzzRemoveKeys(f *testing.F) {
	seed(f, "credentials", func(b []byte) {
		f.Add(b, "default")
		f.Add(b, "old")
		f.Add(b, "dev")
	})
	f.Fuzz(func(t *testing.T, old []byte, profile string) {
		got, removed, err := RemoveKeys(old, profile)
		if err != nil {
			return
		}
		if removed == 0 && !bytes.Equal(got, old) {
			t.Fatalf("nothing removed, but %q became %q", old, got)
		}
		if twice, n, err := RemoveKeys(got, profile); err != nil || n != 0 || !bytes.Equal(twice, got) {
			t.Fatalf("%q\nbecame %q\nthen   %q, %d, %v", old, got, twice, n, err)
		}
		if id, secret, _, err := Keys(got, profile); err == nil {
			t.Fatalf("%q\nbecame %q, where there still are keys %q, %q", old, got, id, secret)
		}
		d, err := parse(old, Credentials)
		if err != nil {
			t.Fatal(err)
		}
		rest := bytes.TrimPrefix(got, utf8BOM)
		level, keys := -1, 0
		for i := range d.lines {
			l := d.src[d.lines[i].start:d.lines[i].next]
			header := d.at[i]
			gone := !bytes.HasPrefix(rest, l) || len(l) == 0
			if !gone { // equal lines may follow one another: a key never stays where its section is meant
				rest = rest[len(l):]
				if !d.blank(i) && !d.comment(i) {
					level = -1
				}
				continue
			}
			switch k := keyOf(d.text(i)); {
			case header != nil && header.goProfile == profile && header.botoPr == profile:
				level = -1
			case slices.Contains(keyNames, k) && !d.comment(i):
				level, keys = indent(d.text(i)), keys+1
			case level >= 0 && indent(d.text(i)) > level && k == "" && !d.comment(i) && !d.blank(i):
			default:
				t.Fatalf("%q\nbecame %q: line %d is gone", old, got, i+1)
			}
		}
		if len(rest) > 0 || keys != removed {
			t.Fatalf("%q\nbecame %q: %q too much, %d keys, said %d", old, got, rest, keys, removed)
		}
		was, _ := Profiles(nil, old)
		is, _ := Profiles(nil, got)
		for _, name := range was.Names() {
			if name != profile && meaning(was, name) != meaning(is, name) {
				t.Fatalf("%q\nbecame %q\nprofile %q: %s became %s", old, got, name, meaning(was, name), meaning(is, name))
			}
		}
	})
}
