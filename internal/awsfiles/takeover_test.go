package awsfiles

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func agreed(string) bool { return true }

func TestTakeOver(t *testing.T) {
	const command = "/opt/aws-accounts process dev"
	for _, c := range []struct{ name, old, new string }{
		{"role", "[profile dev]\nrole_arn = r\nsource_profile = default\n", "[profile dev]\ncredential_process = " + command + "\n"},
		{"what else is there stays", "[default]\nregion = x\n\n# mine\n[profile dev]\noutput = json\nrole_arn=r\nregion   =   eu-west-1\n# why\nsource_profile = default\nmfa_serial = m\ns3 =\n  a = b\n\n# next\n[profile other]\nrole_arn = q\n",
			"[default]\nregion = x\n\n# mine\n[profile dev]\noutput = json\ncredential_process = " + command + "\nregion   =   eu-west-1\n# why\ns3 =\n  a = b\n\n# next\n[profile other]\nrole_arn = q\n"},
		{"comments behind values", "[profile dev]\r\nrole_arn = r # the role\r\nsource_profile = x ; hers\r\n",
			"[profile dev]\r\n# the role\r\ncredential_process = " + command + "\r\n; hers\r\n"},
		{"Identity Center", "[profile dev]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = R\nregion = x\n[sso-session corp]\nsso_start_url = u\n",
			"[profile dev]\ncredential_process = " + command + "\nregion = x\n[sso-session corp]\nsso_start_url = u\n"},
		{"nothing decides", "[profile dev]\nregion = x\n", "[profile dev]\ncredential_process = " + command + "\nregion = x\n"},
		{"an empty section", "[profile dev]", "[profile dev]\ncredential_process = " + command + "\n"},
		{"not there", "[profile x]\nrole_arn = r\n", "[profile x]\nrole_arn = r\n\n[profile dev]\ncredential_process = " + command + "\n"},
		{"another program's", "[profile dev]\ncredential_process = aws-vault export --format=json dev\n", "[profile dev]\ncredential_process = " + command + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := []Stanza{{Profile: "dev", Command: command}}
			got, report, err := Edit{Want: want, TakeOver: agreed}.Apply([]byte(c.old))
			if err != nil || string(got) != c.new || len(report.Conflicts) > 0 || !report.changed() {
				t.Fatalf("%v %+v\n%s\nwant\n%s", err, report, got, c.new)
			}
			if twice, again, err := (Edit{Want: want, TakeOver: agreed}).Apply(got); err != nil || !bytes.Equal(twice, got) || again.changed() {
				t.Errorf("twice isn't once: %v %+v\n%s", err, again, twice)
			}
		})
	}
	for name, c := range map[string]struct{ old, reason string }{
		"twice":    {"[profile dev]\nrole_arn = r\n[profile dev]\nrole_arn = q\n", "more than once"},
		"keys":     {"[profile dev]\naws_access_key_id = AKIA\naws_secret_access_key = s\n", "holds an access key"},
		"indented": {"[profile dev]\noutput = json\n  role_arn = r\n", "disagree about its"},
	} {
		t.Run(name, func(t *testing.T) {
			got, report, err := Edit{Want: []Stanza{{Profile: "dev", Command: command}}, TakeOver: agreed}.Apply([]byte(c.old))
			if err != nil || string(got) != c.old || len(report.Conflicts) != 1 || !strings.Contains(report.Conflicts[0].Reason, c.reason) {
				t.Errorf("%v %+v\n%s", err, report, got)
			}
		})
	}
}

// FuzzTakeOver: what isn't the profile's stays to the byte, what is taken over is read back as wanted by both readers with
// nothing left that would win over it, and twice is once.
func FuzzTakeOver(f *testing.F) {
	seed(f, "config", func(b []byte) { f.Add(b, false) })
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(5 * i), 3, byte(i + 9)}, 4), true)
	}
	f.Fuzz(func(t *testing.T, old []byte, composed bool) {
		if composed {
			old = compose(old)
		}
		want := []Stanza{stanza("dev", "eu-west-1"), stanza("default", "")}
		got, report, err := Edit{Want: want, TakeOver: agreed}.Apply(old)
		if err != nil {
			return
		}
		if !report.changed() && !bytes.Equal(got, old) {
			t.Fatalf("nothing changed, but %q became %q", old, got)
		}
		twice, again, err := Edit{Want: want, TakeOver: agreed}.Apply(got)
		if err != nil || !bytes.Equal(twice, got) || again.changed() {
			t.Fatalf("twice isn't once: %v %+v\n%q\n%q\n%q", err, again, old, got, twice)
		}
		before, _ := parse(old, Config)
		after, err := parse(got, Config)
		if err != nil {
			t.Fatal(err)
		}
		others := func(d *document) (texts []string) {
			for i, s := range d.sections {
				if name := s.profile(Both); name == "dev" || name == "default" || s.botoPr == "dev" || s.botoPr == "default" {
					continue
				}
				for l := s.Line - 1; l <= s.last; l++ {
					if !d.blank(l) {
						texts = append(texts, d.text(l))
					}
				}
				_ = i
			}
			return texts
		}
		if !slices.Equal(others(before), others(after)) {
			t.Fatalf("others' lines changed:\n%q\n%q", old, got)
		}
		for _, c := range report.Changes {
			if c.Action != TakenOver {
				continue
			}
			for _, s := range after.sections {
				if s.goProfile != c.Profile {
					continue
				}
				w := want[slices.IndexFunc(want, func(w Stanza) bool { return w.Profile == c.Profile })]
				if !w.readsBack(s) {
					t.Fatalf("%q became %q", old, got)
				}
				for _, st := range s.Settings {
					if slices.Contains(deciding, st.Key) && st.Key != keyProcess {
						t.Fatalf("%s is left: %q became %q", st.Key, old, got)
					}
				}
			}
		}
	})
}
