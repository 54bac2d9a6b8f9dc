package awsfiles

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func seed(f *testing.F, dir string, add func([]byte)) {
	for _, b := range testFiles(f, dir) {
		add(b)
	}
}

// pieces are what a file is made of where each byte of the input stands for one: so the fuzzer comes much deeper than
// by flipping bits.
var pieces = []string{
	"\n", "\r\n", " ", "\t", "  ", "# c\n", "; c\n", " # c", "\r", "\xef\xbb\xbf", "'", "\"", "=", ":", "[", "]", "x",
	"[default]\n", "[profile default]\n", "[profile dev]\n", "[profile dev]\r\n", "[profile \"dev\"]\n", "[ profile dev ]\n",
	"[profile prod]\n", "[profile other] # c\n", "[profile other] garbage\n", "[DEFAULT]\n", "[sso-session corp]\n", "[dev]\n", "[q]\n", "[old]\n",
	"credential_process = /opt/aws-accounts process dev\n", "credential_process = /opt/aws-accounts process dev",
	"Credential_Process=aws-accounts process prod\r\n", "credential_process = aws-accounts process main # c\n",
	"credential_process: other\n", "credential_process =\n", "region = eu-west-1\n", "region = eu-west-1", "region=us-east-1 ; c\n", "region =\n",
	"output = json\n", "s3 =\n", "  a = b\n", "    deeper\n", "role_arn = r\n", "source_profile = dev\n", "nonsense\n",
	"aws_access_key_id = AKIA\n", "AWS_SECRET_ACCESS_KEY=s3cr3t\r\n", "aws_session_token : t\n", "aws_access_key_id = AKIA", "  more\n", "\u00a0", "\x1c",
}

func compose(b []byte) []byte {
	var out []byte
	for _, c := range b {
		out = append(out, pieces[int(c)%len(pieces)]...)
	}
	return out
}

// FuzzStanza: whatever a profile, a region or a command holds, the file gains one section that says just that, or
// there is an error.
func FuzzStanza(f *testing.F) {
	f.Add("dev", "eu-west-1", "/opt/aws-accounts process dev")
	f.Add("a]\n[b", "x\ny", "/a/aws-accounts process x\nrole_arn = y")
	f.Add("a b", "'", "'/a b/aws-accounts' process x ")
	f.Add("profile", "x#y", "/a/aws-accounts process x #")
	f.Fuzz(func(t *testing.T, profile, region, command string) {
		for _, old := range []string{"", "[profile x]\nsource_profile = y\n", "[default]\r\ns3 =\r\n  a = b"} {
			w := Stanza{Profile: profile, Region: region, Command: command}
			got, report, err := Edit{Want: []Stanza{w}}.Apply([]byte(old))
			if err != nil || len(report.Conflicts) > 0 {
				continue
			}
			before, _ := parse([]byte(old), Config)
			after, err := parse(got, Config)
			if err != nil || len(after.sections) != len(before.sections)+1 || len(after.problems) > 0 {
				t.Fatalf("%+v made %q", w, got)
			}
			n := 2
			if region == "" {
				n = 1
			}
			if s := after.sections[len(before.sections)]; !w.readsBack(s) || len(s.Settings) != n {
				t.Fatalf("%+v made %q", w, got)
			}
		}
	})
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
					if !files.CallsUs(name) {
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
		for _, pick := range []byte{0, 9, 18, 27, 31} {
			f.Add(b, pick, false)
		}
	})
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(5 * i), 3, byte(i + 9)}, 4), byte(i), true)
	}
	f.Fuzz(func(t *testing.T, old []byte, pick byte, composed bool) {
		if composed {
			old = compose(old)
		}
		checkEdit(t, old, pick)
	})
}

func checkEdit(t *testing.T, old []byte, pick byte) {
	profiles := []string{"dev", "fresh", "default", "prod"}
	want := []Stanza{stanza(profiles[pick&3], []string{"eu-west-1", ""}[pick>>2&1]), stanza("second", "")}
	gone := []string{"", "dev", "prod", "main"}[pick>>3&3]
	remove := func(_, account string) bool { return account == gone }
	got, report, err := Edit{Want: want, Remove: remove}.Apply(old)
	if err != nil {
		return
	}
	if !report.changed() && !bytes.Equal(got, old) {
		t.Fatalf("nothing changed, but %q became %q", old, got)
	}
	twice, again, err := Edit{Want: want, Remove: remove}.Apply(got)
	if err != nil || !bytes.Equal(twice, got) || again.changed() {
		t.Fatalf("%q\nbecame %q\nthen   %q %+v, %v", old, got, twice, again, err)
	}
	removed := map[int]bool{}
	for _, c := range report.Changes {
		removed[c.Line] = c.Action == Removed
	}
	if before, after := kept(t, old, removed), kept(t, got, nil); !onlyCommentsMore(before, after) {
		t.Fatalf("%q\nbecame %q\nto keep %q\nkept    %q", old, got, before, after)
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
		if bytes.HasPrefix(got, []byte(utf8BOM)) || pick&0xe0 != 0 { // files on a disk are slow
			continue
		}
		cfg, err, ok := sdk(t, got, nil, w.Profile)
		if ok && err == nil && cfg.SourceProfileName == "" && (cfg.CredentialProcess != w.Command || w.Region != "" && cfg.Region != w.Region) {
			t.Fatalf("%q\nbecame %q, of which the SDK reads %q, %q", old, got, cfg.CredentialProcess, cfg.Region)
		}
	}
}

// kept are the lines that an edit must leave in their order: all but blank ones, as those that separate are ours, but
// the lines of our two keys in our stanzas, with their headers, and but the stanzas, known by their lines, that go.
func kept(t *testing.T, src []byte, removed map[int]bool) (lines []string) {
	d, err := parse(src, Config)
	if err != nil {
		t.Fatal(err)
	}
	e := &editor{document: d}
	mine := make([]bool, len(d.lines))
	for _, s := range d.sections {
		if _, ours := stanzaOf(s); !ours {
			continue
		}
		mine[s.Line-1] = true
		for i := s.Line; i <= s.last; i++ {
			k := keyOf(d.text(i))
			if (k == keyProcess || k == keyRegion) && !d.comment(i) {
				for j := i; j <= s.last && (j == i || d.blank(j) || d.comment(j) || indent(d.text(j)) > indent(d.text(i)) && keyOf(d.text(j)) == ""); j++ {
					mine[j] = mine[j] || !d.comment(j)
				}
			}
			mine[i] = mine[i] || removed[s.Line] && i <= e.body(s)
		}
	}
	for i, l := range d.lines {
		if !mine[i] && !d.blank(i) {
			lines = append(lines, l)
		}
	}
	if len(lines) > 0 { // gets a line ending when something is added behind it
		lines[len(lines)-1] = strings.TrimRight(lines[len(lines)-1], "\r\n")
	}
	return lines
}

// onlyCommentsMore: whole is part, and comments that stood behind a value.
func onlyCommentsMore(part, whole []string) bool {
	for _, l := range whole {
		switch c := strings.TrimSpace(l); {
		case len(part) > 0 && part[0] == l, len(part) == 1 && part[0] == strings.TrimRight(l, "\r\n"):
			part = part[1:]
		case c[0] != '#' && c[0] != ';':
			return false
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
		for pick := range byte(4) {
			f.Add(b, pick, false)
		}
	})
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(5 * i), 40, byte(i + 9)}, 4), byte(i), true)
	}
	f.Fuzz(func(t *testing.T, old []byte, pick byte, composed bool) {
		if composed {
			old = compose(old)
		}
		checkRemoveKeys(t, old, pick)
	})
}

func checkRemoveKeys(t *testing.T, old []byte, pick byte) {
	profile := []string{"default", "old", "dev", "q"}[pick&3]
	got, err := RemoveKeys(old, profile)
	if err != nil {
		return
	}
	if twice, err := RemoveKeys(got, profile); err != nil || !bytes.Equal(twice, got) {
		t.Fatalf("%q\nbecame %q\nthen   %q, %v", old, got, twice, err)
	}
	if id, secret, _, err := keys(t, got, profile); err == nil {
		t.Fatalf("%q\nbecame %q, where there still are keys %q, %q", old, got, id, secret)
	}
	d, err := parse(old, Credentials)
	if err != nil {
		t.Fatal(err)
	}
	rest := strings.TrimPrefix(string(got), utf8BOM)
	level := -1
	for i := range d.lines {
		l := d.lines[i]
		header := d.at[i]
		gone := !strings.HasPrefix(rest, l) || len(l) == 0
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
			level = indent(d.text(i))
		case level >= 0 && indent(d.text(i)) > level && k == "" && !d.comment(i) && !d.blank(i):
		default:
			t.Fatalf("%q\nbecame %q: line %d is gone", old, got, i+1)
		}
	}
	if len(rest) > 0 {
		t.Fatalf("%q\nbecame %q: %q too much", old, got, rest)
	}
	was, _ := Profiles(nil, old)
	is, _ := Profiles(nil, got)
	for _, name := range was.Names() {
		if name != profile && meaning(was, name) != meaning(is, name) {
			t.Fatalf("%q\nbecame %q\nprofile %q: %s became %s", old, got, name, meaning(was, name), meaning(is, name))
		}
	}
}

// TestRandomFiles is what the fuzz tests hold, over files of random pieces, the same at each run.
func TestRandomFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		b := make([]byte, 1+r.IntN(14))
		for i := range b {
			b[i] = byte(r.IntN(len(pieces)))
		}
		checkEdit(t, compose(b), byte(r.IntN(256)))
		checkRemoveKeys(t, compose(b), byte(r.IntN(256)))
	}
}
