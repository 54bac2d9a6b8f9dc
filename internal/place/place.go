// Package place knows where files live: ours by the XDG rules (on Windows by the known folders), AWS's by the SDKs' rules.
//
// It only computes paths, and looks whose the state folder is. A place that can't be known, as without a home directory, is
// an error that names the variable which would settle it.
package place

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/owned"
)

const program = "aws-accounts"

// AccountsFile returns where the accounts file is: as given, or in its default place.
func AccountsFile(given string) (string, error) {
	if path := Expand(given); strings.HasPrefix(path, "~") { // of another user, which a shell replaces
		return "", hint.New(errors.New("the accounts file "+path+": ~ stands for your own home directory only"),
			"write the whole path, or leave the quotes out, so that the shell does")
	} else if path != "" {
		return path, nil
	}
	dir, err := base("XDG_CONFIG_HOME", "AppData", ".config")
	return Join(dir, program, "accounts.json"), err
}

// AccountsFileElsewhere returns where the accounts file is if XDG_CONFIG_HOME leads there, which callers may be started without; ""
// if it is in its default place. On Windows nobody has that variable by chance.
func AccountsFileElsewhere() string {
	path, err := AccountsFile("")
	home, noHome := home()
	if err != nil || noHome != nil || runtime.GOOS == "windows" || path == Join(home, ".config", program, "accounts.json") {
		return ""
	}
	return path
}

// StateFolder returns the folder of the access log, the locks and the file keychain, whosever it is.
func StateFolder() (string, error) {
	dir, err := base("XDG_STATE_HOME", "LocalAppData", ".local", "state")
	return Join(dir, program), err
}

// State returns the StateFolder, and an error where others can change what is in it, or swap it: then nothing may be read
// or written there. It looks once.
func State() (string, error) {
	dir, err := StateFolder()
	if err != nil {
		return "", err
	}
	looked.Lock()
	defer looked.Unlock()
	if looked.dir != dir {
		looked.dir, looked.err = dir, nil
		if trouble, err := owned.Folder(dir); err == nil { // else nothing can be opened there, which who tries will say
			looked.err = trouble.Err(dir, "what is in it would be believed")
		}
	}
	return dir, looked.err
}

var looked struct {
	sync.Mutex
	dir string
	err error
}

// Owner is short and opaque, and another one for each accounts file, by its absolute path.
func Owner(accountsFile string) string {
	path := abs(accountsFile)
	if runtime.GOOS == "windows" {
		path = strings.ToLower(path)
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}

// LocksOf returns the folder of the locks and notes that concern one accounts file alone.
func LocksOf(accountsFile string) (string, error) { return inState("locks", Owner(accountsFile)) }

// AccessLog returns the access log.
func AccessLog() (string, error) { return inState("access_log.jsonl") }

// Locks returns the folder of the locks and notes.
func Locks() (string, error) { return inState("locks") }

// FileKeychain returns the folder of the file keychain.
func FileKeychain() (string, error) { return inState("keychain") }

func inState(names ...string) (string, error) {
	state, err := State()
	if err != nil {
		return "", err
	}
	return Join(append([]string{state}, names...)...), nil
}

// AWSConfig returns the AWS config file that the SDKs read.
func AWSConfig() (string, error) { return awsFile("AWS_CONFIG_FILE", "config") }

// AWSCredentials returns the AWS shared credentials file that the SDKs read.
func AWSCredentials() (string, error) { return awsFile("AWS_SHARED_CREDENTIALS_FILE", "credentials") }

// AWSElsewhere returns those of the two that a variable has moved to another place than the usual one.
func AWSElsewhere() (paths []string) {
	for variable, name := range map[string]string{"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"} {
		if os.Getenv(variable) == "" {
			continue
		}
		path, _ := awsFile(variable, name)
		if home, err := home(); err != nil || path != Join(home, ".aws", name) {
			paths = append(paths, name+" "+path)
		}
	}
	slices.Sort(paths)
	return paths
}

func awsFile(variable, name string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return Expand(expandVariables(path)), nil
	}
	home, err := home()
	return Join(home, ".aws", name), err
}

func base(xdg, windows string, underHome ...string) (string, error) {
	// The XDG rules tell to ignore a relative path.
	if dir := os.Getenv(xdg); isAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "windows" {
		if dir := os.Getenv(windows); isAbs(dir) {
			return dir, nil
		}
	}
	home, err := home()
	return Join(append([]string{home}, underHome...)...), err
}

// Passwd looks the home directory up in the password database, for who is started without HOME, as services often are. Package
// wire sets it: what imports os/user is initialised too late for a warm `process` (see process/warm).
var Passwd = func() (dir string, err error) { return "", errNoHome }

var errNoHome = errors.New("no home directory")

// home is what $HOME says, else the password database, as for the SDKs.
func home() (string, error) {
	dir, err := os.UserHomeDir()
	if err != nil {
		dir, err = Passwd()
	}
	if err != nil || !isAbs(dir) {
		return "", hint.New(errNoHome, "set HOME to your home directory, as an absolute path")
	}
	return dir, nil
}

func abs(path string) string {
	if isAbs(path) {
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	return Join(dir, path)
}

// expandVariables replaces $NAME and ${NAME} as botocore does in its variables: what isn't set stays as it is.
func expandVariables(path string) string {
	if !strings.Contains(path, "$") {
		return path
	}
	return os.Expand(path, func(name string) string {
		if value, set := os.LookupEnv(name); set {
			return value
		}
		return "$" + name
	})
}

// Expand replaces a leading ~ by the home directory, as botocore does in its variables: a shell has left it where it stood
// behind a = or in quotes.
func Expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path
	}
	dir, err := home()
	if err != nil {
		return path
	}
	return dir + rest
}
