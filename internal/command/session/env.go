package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Env is `aws-accounts env NAME`: the credentials as variables, for a shell or a file.
type Env struct {
	Name      string `arg:"" optional:"" help:"The account; without it, you choose."`
	byProfile `embed:""`
	Unset     bool `help:"Take the variables out again; needs no account."`
	Forms     `embed:""`
}

// Run writes one statement per variable. What it unsets and sets is the same for every account of a kind, whatever the
// environment it runs in, as the output may be meant for another shell. Only --unset looks whether the region here is ours.
func (c *Env) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	write, err := c.writer()
	if err != nil {
		return err
	}
	switch {
	case c.Unset && (c.JSON || c.Dotenv):
		return hint.Usage(errors.New("--unset is for shells: neither JSON nor a dotenv file can take a variable out"), "leave out --json or --dotenv")
	case c.Unset:
		return write(stdout, slices.Concat(given, conflictingVars, regionGiven(r)), nil)
	}
	session, err := open(r, c.Name, c.byProfile)
	if err != nil {
		return err
	}
	if tui.ScreenOf(stdout).Width > 0 && !c.JSON && !c.Dotenv { // whoever types this has forgotten what makes it useful
		tui.Say(stderr, "warning: this shows secrets, and changes nothing in this shell\nhint: `"+c.usage("aws-accounts env "+session.account.Name)+"` does\n")
	}
	variables := append(credentialVariables(session.first), session.variables()...)
	unset := slices.DeleteFunc(slices.Concat(given, conflictingVars), func(name string) bool {
		return slices.ContainsFunc(variables, func(v variable) bool { return v.name == name })
	})
	return write(stdout, unset, variables)
}

// regionGiven are the variables that have the region of the account whose variables this process has.
func regionGiven(r *process.Resolver) (names []string) {
	name := os.Getenv("AWS_ACCOUNTS_NAME")
	file, err := r.Accounts.File()
	if name == "" || err != nil {
		return nil
	}
	a, err := file.Find(name)
	if err != nil {
		return nil
	}
	for _, v := range regionVariables(route.ProfileRegion(a)) {
		if os.Getenv(v.name) == v.value {
			names = append(names, v.name)
		}
	}
	return names
}

// Forms are the ways to write variables down.
type Forms struct {
	Shell  string `help:"bash, zsh, sh, fish, powershell or cmd (default: as $SHELL says; on Windows PowerShell)." placeholder:"SHELL" xor:"form"`
	Dotenv bool   `help:"Write NAME=value lines, as for docker --env-file." xor:"form"`
	JSON   bool   `name:"json" help:"Write one JSON object." xor:"form"`
}

// writer returns what writes variables in the form chosen: those to unset, as far as the form can say that, then those to
// set. It writes all or nothing, in one write.
func (f *Forms) writer() (func(w io.Writer, unset []string, set []variable) error, error) {
	if f.JSON {
		return writeVariablesJSON, nil
	}
	s, err := f.syntax()
	if err != nil {
		return nil, err
	}
	return s.write, nil
}

// usage is how a shell takes in what command writes.
func (f *Forms) usage(command string) string {
	s, err := f.syntax()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(s.usage, command)
}

type syntax struct {
	set   func(name, value string) (string, error)
	unset func(names []string) string
	usage string // %s is the command whose output it takes in
}

func (s *syntax) write(w io.Writer, unset []string, set []variable) error {
	var b strings.Builder
	if len(unset) > 0 {
		b.WriteString(s.unset(unset))
	}
	for _, v := range set {
		line, err := s.set(v.name, v.value)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Forms) syntax() (*syntax, error) {
	if f.Dotenv {
		return dotenv, nil
	}
	name := f.Shell
	if name == "" {
		name = os.Getenv("SHELL")
		if name == "" && runtime.GOOS == "windows" {
			name = "powershell"
		} else if name == "" {
			name = "sh"
		}
	}
	base := strings.TrimSuffix(strings.ToLower(filepath.Base(name)), ".exe")
	switch base {
	case "sh", "bash", "zsh", "dash", "ash", "ksh", "mksh", "posix", "busybox":
		return posix, nil
	case "fish":
		return fish, nil
	case "powershell", "pwsh":
		return powershell, nil
	case "cmd":
		return cmdExe, nil
	}
	from := "--shell"
	if f.Shell == "" {
		from = "$SHELL"
	}
	return nil, hint.Usage(fmt.Errorf("%q is a shell that aws-accounts doesn't know (%s)", base, from),
		"use --shell with bash, zsh, sh, fish, powershell or cmd; or --dotenv or --json")
}

var posix = &syntax{
	set: func(name, value string) (string, error) {
		return "export " + name + "='" + strings.ReplaceAll(value, `'`, `'\''`) + "'", nil
	},
	unset: func(names []string) string { return "unset " + strings.Join(names, " ") + "\n" },
	usage: `eval "$(%s)"`,
}

var fish = &syntax{
	set: func(name, value string) (string, error) {
		return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'", nil
	},
	// A global variable that isn't exported hides a universal one, which `set -e` would erase for every session, and for good.
	unset: func(names []string) string { return "set -gu " + strings.Join(names, "; set -gu ") + "\n" },
	usage: `%s | source`,
}

// PowerShell takes the typographic quotes for quotes too, and each is doubled to stand for itself.
var powershell = &syntax{
	set: func(name, value string) (string, error) {
		value = strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(value)
		return "$Env:" + name + " = '" + value + "'", nil
	},
	unset: func(names []string) string {
		return "Remove-Item -ErrorAction Ignore -Path Env:" + strings.Join(names, ",Env:") + "\n"
	},
	usage: `%s | Out-String | Invoke-Expression`,
}

// cmd.exe has no way to quote all of these that holds both at its prompt and in a file.
var cmdExe = &syntax{
	set: func(name, value string) (string, error) {
		if strings.ContainsAny(value, "%\"!^\r\n\x00") {
			return "", errors.New("has a character that cmd.exe can't take")
		}
		return `set "` + name + "=" + value + `"`, nil
	},
	unset: func(names []string) string {
		var b strings.Builder
		for _, name := range names {
			b.WriteString(`set "` + name + "=\"\n")
		}
		return b.String()
	},
	usage: `for /f "delims=" %%i in ('%s --shell cmd') do @%%i`,
}

// Readers of such files disagree about quotes: Docker takes them for a part of the value. So there are none.
var dotenv = &syntax{
	set: func(name, value string) (string, error) {
		if !bare.MatchString(value) {
			return "", errors.New("has a character that not every reader of a dotenv file takes as it is")
		}
		return name + "=" + value, nil
	},
	unset: func([]string) string { return "" },
}

var bare = pattern.New(`^[A-Za-z0-9_+/=.:@,-]*$`)

func writeVariablesJSON(w io.Writer, _ []string, set []variable) error {
	document := map[string]string{}
	for _, v := range set {
		document[v.name] = v.value
	}
	return json.NewEncoder(w).Encode(document)
}
