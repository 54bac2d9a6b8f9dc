package awsfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func stanza(profile, region string) Stanza {
	return Stanza{Profile: profile, Command: "/opt/aws-accounts process " + profile, Region: region}
}

func TestEditConfig(t *testing.T) {
	dev := "[profile dev]\ncredential_process = /opt/aws-accounts process dev\nregion = eu-west-1\n"
	all := func(string, string) bool { return true }
	for _, c := range []struct {
		name, old string
		want      []Stanza
		remove    func(profile, account string) bool
		new       string
		conflict  string
	}{
		{name: "nothing", old: "[default]\nregion = x"},
		{name: "empty file", want: []Stanza{stanza("dev", "eu-west-1")}, new: dev},
		{name: "default", want: []Stanza{stanza("default", "")}, new: "[default]\ncredential_process = /opt/aws-accounts process default\n"},
		{name: "order and blank lines", want: []Stanza{stanza("z", ""), stanza("a", "")},
			new: "[profile z]\ncredential_process = /opt/aws-accounts process z\n\n[profile a]\ncredential_process = /opt/aws-accounts process a\n"},
		{name: "append", old: "[default]\nregion = x\n", want: []Stanza{stanza("dev", "eu-west-1")}, new: "[default]\nregion = x\n\n" + dev},
		{name: "no final newline", old: "[default]\nregion = x", want: []Stanza{stanza("dev", "eu-west-1")}, new: "[default]\nregion = x\n\n" + dev},
		{name: "crlf", old: "[default]\r\nregion = x\r\n", want: []Stanza{stanza("dev", "eu-west-1")},
			new: "[default]\r\nregion = x\r\n\r\n" + strings.ReplaceAll(dev, "\n", "\r\n")},
		{name: "bom", old: "\xef\xbb\xbf", want: []Stanza{stanza("dev", "eu-west-1")}, conflict: "dev 0 "},
		{name: "bom before a comment", old: "\xef\xbb\xbf# c\n", want: []Stanza{stanza("dev", "eu-west-1")}, new: "\xef\xbb\xbf# c\n\n" + dev},
		{name: "unchanged in odd spacing", old: "[profile\tdev] # mine\n  Credential_Process=/opt/aws-accounts process dev  \n  region:eu-west-1\n  output = json",
			want: []Stanza{stanza("dev", "eu-west-1")}},
		{name: "moved binary", old: "[profile dev]\n# hi\noutput=json\ncredential_process=\"/a b/aws-accounts\" --debug process dev\ns3 =\n  a = b\n",
			want: []Stanza{stanza("dev", "")},
			new:  "[profile dev]\n# hi\noutput=json\ncredential_process=/opt/aws-accounts process dev\ns3 =\n  a = b\n"},
		{name: "region added", old: "[profile dev]\n\tcredential_process = aws-accounts process dev\n\ts3 =\n\t\ta = b", want: []Stanza{stanza("dev", "eu-west-1")},
			new: "[profile dev]\n\tcredential_process = /opt/aws-accounts process dev\n\tregion = eu-west-1\n\ts3 =\n\t\ta = b"},
		{name: "region added in a last line", old: "[profile dev]\r\ncredential_process = aws-accounts process dev", want: []Stanza{stanza("dev", "eu-west-1"), stanza("x", "")},
			new: "[profile dev]\r\ncredential_process = /opt/aws-accounts process dev\r\nregion = eu-west-1\r\n\r\n[profile x]\r\ncredential_process = /opt/aws-accounts process x\r\n"},
		{name: "comment behind a value", old: "[profile dev]\ncredential_process = aws-accounts process dev\nregion = us-east-1 # home\n", want: []Stanza{stanza("dev", "eu-west-1")},
			new: "[profile dev]\ncredential_process = /opt/aws-accounts process dev\n# home\nregion = eu-west-1\n"},
		{name: "continuation", old: "[profile dev]\ncredential_process = aws-accounts\n  process\n  # why\n  dev\nregion =\n", want: []Stanza{stanza("dev", "eu-west-1")},
			new: "[profile dev]\ncredential_process = /opt/aws-accounts process dev\n  # why\nregion = eu-west-1\n", conflict: ""},
		{name: "doubled keys", old: dev + "region = us-east-1\ncredential_process = aws-accounts process dev", want: []Stanza{stanza("dev", "eu-west-1")}, new: dev},
		{name: "doubled stanza", old: dev + "\n[profile x]\na = b\n\n" + dev, want: []Stanza{stanza("dev", "eu-west-1")}, new: dev + "\n[profile x]\na = b\n"},
		{name: "doubled stanza with more", old: dev + dev + "output = json\n", want: []Stanza{stanza("dev", "us-east-1")}, conflict: "dev 4 credential_process"},
		{name: "doubled, one not ours", old: dev + "[profile dev]\nrole_arn = x\n", want: []Stanza{stanza("dev", "eu-west-1")}, conflict: "dev 4 role_arn"},
		{name: "not ours: role", old: "\n[profile dev]\nregion = x\nrole_arn = y\nsource_profile = z\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 2 role_arn"},
		{name: "not ours: sso", old: "[profile dev]\nsso_session = y\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 sso_session"},
		{name: "not ours: keys", old: "[profile dev]\naws_access_key_id = y\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 aws_access_key_id"},
		{name: "not ours: process", old: "[profile dev]\ncredential_process = aws-vault exec dev --json\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 credential_process"},
		{name: "not ours: wrapped", old: "[profile dev]\ncredential_process = sh -c 'aws-accounts process dev | tee x'\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 credential_process"},
		{name: "not ours: nothing there", old: "[default]\nregion = x\n", want: []Stanza{stanza("default", "")}, conflict: "default 1 "},
		{name: "not ours: profile default", old: "[profile default]\nregion = x\n", want: []Stanza{stanza("default", "")}, conflict: "default 1 "},
		{name: "odd header", old: "[profile \"dev\"]\ncredential_process = aws-accounts process dev\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 credential_process"},
		{name: "indented setting below", old: "[profile dev]\ncredential_process = aws-accounts process dev\n  output = json\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 credential_process"},
		{name: "hidden in a block", old: "[profile dev]\n  s3 =\n    a = b\n  credential_process = aws-accounts process dev\n", want: []Stanza{stanza("dev", "")}, conflict: "dev 1 credential_process"},
		// Found by fuzzing.
		{name: "next header for botocore only", old: dev + "[profile other] garbage\na = b\n", want: []Stanza{stanza("dev", "us-east-1")},
			new: strings.Replace(dev, "eu-west-1", "us-east-1", 1) + "[profile other] garbage\na = b\n"},
		{name: "next header for Go only", old: dev + "  [profile other]\na = b\n", want: []Stanza{stanza("dev", "us-east-1")}, conflict: "dev 1 credential_process"},
		{name: "nonsense inside", old: "[profile dev]\ncredential_process = aws-accounts process dev\nnonsense\n  more = x\n", want: []Stanza{stanza("dev", "")},
			new: "[profile dev]\ncredential_process = /opt/aws-accounts process dev\nnonsense\n  more = x\n"},
		{name: "blank to Python only", old: dev + "\t\x1c", want: []Stanza{stanza("dev", "eu-west-1"), stanza("b", "")},
			new: dev[:len(dev)-1] + "\n\n[profile b]\ncredential_process = /opt/aws-accounts process b\n"},
		{name: "carriage return at the end", old: "[profile dev]\ncredential_process = aws-accounts process dev\noutput = json\r", want: []Stanza{stanza("dev", "")},
			new: "[profile dev]\ncredential_process = /opt/aws-accounts process dev\noutput = json\r"},
		{name: "doubled stanza before a comment", old: dev + "\n" + dev + "\n# next\n[d]\n", want: []Stanza{stanza("dev", "eu-west-1")}, new: dev + "\n# next\n[d]\n"},

		{name: "remove the only one", old: dev, remove: all, new: ""},
		{name: "remove at the end", old: "[default]\nregion = x\n\n" + dev, remove: all, new: "[default]\nregion = x\n"},
		{name: "remove at the start", old: dev + "\n# c\n[default]\nregion = x\n", remove: all, new: "# c\n[default]\nregion = x\n"},
		{name: "remove between", old: "[a]\nb = c\n\n" + dev + "# mine\n\n# next\n[d]\n", remove: all, new: "[a]\nb = c\n\n# next\n[d]\n"},
		{name: "remove keeps the next one's comment", old: dev + "# next\n[d]\n", remove: all, new: "# next\n[d]\n"},
		{name: "remove leaves what is wanted", old: dev, want: []Stanza{stanza("dev", "eu-west-1")}, remove: all},
		{name: "remove leaves others", old: "[profile x]\ncredential_process = aws-vault exec x\n", remove: all},
		{name: "remove several", old: dev + "\n" + strings.ReplaceAll(dev, "dev", "b") + "\n[x]\n", remove: all, new: "[x]\n"},
		{name: "remove leaves doubles, one not ours", old: dev + "[profile dev]\nrole_arn = x\n", remove: all, conflict: "dev 4 role_arn"},
		{name: "remove would give a header for botocore only to another", old: "[default]\n" + dev + "[profile x] garbage\na = b\n", remove: all, conflict: "dev 2 credential_process"},
		{name: "remove one", old: dev + "\n" + strings.ReplaceAll(dev, "dev", "b"), remove: func(_, a string) bool { return a == "dev" }, new: strings.ReplaceAll(dev, "dev", "b")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, report, err := Edit{Want: c.want, Remove: c.remove}.Apply([]byte(c.old))
			if err != nil {
				t.Fatal(err)
			}
			want := c.new
			if want == "" && len(c.want) > 0 || c.remove == nil && c.want == nil || strings.HasPrefix(c.name, "remove leaves") || c.remove != nil && c.conflict != "" {
				want = c.old
			}
			if string(got) != want {
				t.Errorf("got\n%s\nwant\n%s\nreport %+v", show(got), show([]byte(want)), report)
			}
			if report.changed() != (want != c.old) {
				t.Errorf("Changed is %v", report.changed())
			}
			conflict := ""
			for _, f := range report.Conflicts {
				conflict += fmt.Sprintf("%s %d %s", f.Profile, f.Line, f.Key)
			}
			if conflict != c.conflict {
				t.Errorf("conflicts %+v, want %s", report.Conflicts, c.conflict)
			}
			twice, _, _ := Edit{Want: c.want, Remove: c.remove}.Apply(got)
			if string(twice) != string(got) {
				t.Errorf("not idempotent:\n%s", show(twice))
			}
		})
	}
}

func show(b []byte) string {
	return strings.NewReplacer("\r", `\r`, "\t", `\t`, " \n", "·\n").Replace(string(b))
}

func TestEditConfigRefuses(t *testing.T) {
	ok := stanza("dev", "")
	for _, w := range [][]Stanza{
		{{Profile: "a]\n[profile b", Command: ok.Command}},
		{{Profile: "a\r", Command: ok.Command}},
		{{Profile: `a"b`, Command: ok.Command}},
		{{Profile: "a b", Command: ok.Command}},
		{{Profile: "a#b", Command: ok.Command}},
		{{Profile: "", Command: ok.Command}},
		{{Profile: "dev", Command: ok.Command, Region: "eu\nrole_arn = x"}},
		{{Profile: "dev", Command: ok.Command, Region: "eu # west"}},
		{{Profile: "dev", Command: ok.Command + "\nrole_arn = x"}},
		{{Profile: "dev", Command: ok.Command + " # x"}},
		{{Profile: "dev", Command: "'/a/aws-accounts' process 'dev'"}},
		{{Profile: "dev", Command: " " + ok.Command}},
		{{Profile: "dev", Command: ""}},
		{{Profile: "dev", Command: "aws-vault exec dev"}},
		{ok, ok},
	} {
		if b, report, err := (Edit{Want: w}).Apply(nil); err == nil && (len(b) > 0 || len(report.Conflicts) != 1) {
			t.Errorf("%+v gave %q, %+v", w, b, report)
		}
	}
	b, report, err := (Edit{Want: []Stanza{{Profile: "a b", Command: ok.Command}, ok}}).Apply(nil)
	if err != nil || !strings.Contains(string(b), "[profile dev]") || len(report.Conflicts) != 1 {
		t.Errorf("beside one that is refused: %q, %+v, %v", b, report, err)
	}
	if _, _, err := (Edit{}).Apply([]byte("\xff\xfe[\x00")); err == nil {
		t.Error("UTF-16 was accepted")
	}
}

// Adding and removing again gives back the file, but for a final newline that was missing.
func TestAddThenRemove(t *testing.T) {
	for name, old := range testFiles(t, "config") {
		t.Run(name, func(t *testing.T) {
			added, report, err := Edit{Want: []Stanza{stanza("fresh-1", "eu-west-1"), stanza("fresh-2", "")}}.Apply(old)
			if err != nil || len(report.Conflicts) > 0 {
				t.Fatal(err, report)
			}
			back, _, err := Edit{Remove: func(p, _ string) bool { return strings.HasPrefix(p, "fresh-") }}.Apply(added)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSuffix(strings.TrimSuffix(string(old), "\n"), "\r"); strings.TrimSuffix(strings.TrimSuffix(string(back), "\n"), "\r") != want {
				t.Errorf("got\n%s\nwant\n%s", show(back), show(old))
			}
		})
	}
}

func testFiles(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no test files: ", err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		if files[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// Ten times the stanzas must not take a hundred times as long. Mostly the ratio is judged, so that a busy machine, or
// the race detector, doesn't matter.
func TestEditConfigIsLinear(t *testing.T) {
	run := func(n int) time.Duration {
		var want []Stanza
		for i := range n {
			want = append(want, stanza(fmt.Sprintf("p%d", i), "eu-west-1"))
		}
		best := time.Duration(1 << 62)
		for range 2 {
			start := time.Now()
			b, _, err := Edit{Want: want}.Apply([]byte("[default]\nregion = x\n"))
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				want[i].Region = "us-east-1"
			}
			if b, _, err = (Edit{Want: want}).Apply(b); err != nil {
				t.Fatal(err)
			}
			if b, _, _ = (Edit{Remove: func(string, string) bool { return true }}).Apply(b); string(b) != "[default]\nregion = x\n" {
				t.Fatal("not all removed")
			}
			best = min(best, time.Since(start))
			for i := range want {
				want[i].Region = "eu-west-1"
			}
		}
		return best
	}
	small, large := run(500), run(5000)
	t.Logf("added, changed and removed: 500 stanzas in %v, 5,000 in %v", small, large)
	if large > 40*small && large > 5*time.Second {
		t.Errorf("5,000 stanzas took %v, 500 took %v", large, small)
	}
}

func BenchmarkEditConfig10000(b *testing.B) {
	var want []Stanza
	for i := range 10000 {
		want = append(want, stanza(fmt.Sprintf("p%d", i), "eu-west-1"))
	}
	for b.Loop() {
		if _, _, err := (Edit{Want: want}).Apply(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReport(t *testing.T) {
	old := testFiles(t, "config")["ours"]
	_, report, err := Edit{Want: []Stanza{stanza("new", ""), stanza("prod", ""), stanza("dev", "eu-west-1")},
		Remove: func(p, a string) bool { return a == "main" }}.Apply(old)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{{"new", "new", 0, Added}, {"prod", "prod", 12, Unchanged}, {"dev", "dev", 4, Updated}, {"default", "main", 1, Removed}}
	if !slices.Equal(report.Changes, want) {
		t.Errorf("got %+v", report.Changes)
	}
}
