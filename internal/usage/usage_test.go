package usage

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"aws-accounts/internal/hint"
)

type grammar struct {
	List struct {
		Filter []string `arg:"" optional:""`
		Active bool     `xor:"state"`
		Gone   bool     `xor:"state"`
	} `cmd:""`
	Serve struct {
		Name string `arg:""`
		Port uint16
		Form string `enum:"sh,fish," default:""`
	} `cmd:""`
	Keys struct {
		Import struct {
			To string `required:"" placeholder:"NAME"`
		} `cmd:""`
		Script struct {
			Shell string `arg:"" enum:"bash,zsh"`
		} `cmd:""`
	} `cmd:""`
	Hidden struct{} `cmd:"" hidden:""`
}

// What kong says, in our words: a new version of it, or a text that isn't ours yet, shows here.
func TestExplain(t *testing.T) {
	for line, want := range map[string][2]string{
		"lst":                  {`unknown command "lst": did you mean "list"?`, "`aws-accounts --help` shows the commands"},
		"import":               {`unknown command "import": did you mean "keys import"?`, "`aws-accounts --help` shows the commands"},
		"hiden":                {`unknown command "hiden"`, "`aws-accounts --help` shows the commands"},
		"keys imprt":           {`keys: unknown command "imprt": did you mean "import"?`, "`aws-accounts keys --help` shows the commands"},
		"DEV":                  {`"DEV" is an account, and no command says what to do with it`, "`aws-accounts assume DEV` gets its session; exec, env and console use it"},
		"keys":                 {`which command? one of "import", "script"`, "`aws-accounts keys --help` shows how"},
		"keys script":          {"which shell?", "`aws-accounts keys script --help` shows how"},
		"keys script csh":      {`shell can be "bash", "zsh", not "csh"`, "`aws-accounts keys script --help` shows how"},
		"keys import":          {"--to=NAME is missing", "`aws-accounts keys import --help` shows how"},
		"serve":                {"which account?", "`aws-accounts list` shows the names"},
		"serve dev x":          {`unexpected argument "x"`, "`aws-accounts serve --help` shows how"},
		"serve dev --port x":   {`--port is a number, not "x"`, "`aws-accounts serve --help` shows how"},
		"serve dev --port":     {"--port needs a value", "`aws-accounts serve --help` shows how"},
		"serve dev --form=nu":  {`--form can be "sh", "fish", not "nu"`, "`aws-accounts serve --help` shows how"},
		"list --activ":         {`unknown flag --activ: did you mean "--active"?`, "`aws-accounts list --help` shows how"},
		"list --active --gone": {"--active and --gone can't be used together", "`aws-accounts list --help` shows how"},
		"list --active=maybe":  {`--active can be true or false, not "maybe"`, "`aws-accounts list --help` shows how"},
		"--\x1b[31m":           {"unknown flag --?[31m", "`aws-accounts --help` shows how"},
	} {
		_, err := kong.Must(&grammar{}, kong.Name("aws-accounts"), kong.Writers(io.Discard, io.Discard)).Parse(strings.Fields(line))
		if err == nil {
			t.Errorf("%s: nothing is wrong", line)
			continue
		}
		got := Explain(err, func(string) []string { return []string{"dev", "devs"} })
		if got.Error() != want[0] || hint.Of(got) != want[1] || !hint.IsUsage(got) {
			t.Errorf("%s: %s, hint %s", line, got, hint.Of(got))
		}
	}
}

func TestMeant(t *testing.T) {
	for line, want := range map[string]string{"": "--help", "help": "--help --help", "help keys add": "keys add --help", "ls x": "list x", "help ls": "list --help"} {
		if got := Meant(strings.Fields(line)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %s", line, got)
		}
	}
}
