// Package warm answers `process NAME` from the keychain before the rest of the program is initialised, which takes longer than
// the answer: AWS's SDK builds its tables of endpoints in init functions, whatever command was given, and its pages have to be
// touched for it. Without that a warm call costs half.
//
// It answers or it does nothing: only a fresh session of the accounts file's present version, in a keychain that package item
// reads, is handed out here. All else, trouble with the files and the keychain included, is left to the way that every other
// command takes: nothing here asks, refuses, or writes a file.
//
// The order is the language's: packages that are ready are initialised in the order of their import paths, and this one, which
// needs nothing but the standard library and packages without an init, is ready before those of github.com. A test holds it.
package warm

import (
	"cmp"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
	"aws-accounts/process/document"
)

func init() {
	name, file, ok := Called(os.Args[1:])
	if !ok {
		return
	}
	private.Process()
	watch := time.AfterFunc(End, func() { fail(NotFinished(name)) })
	session := stored(name, file)
	watch.Stop()
	if session == nil {
		return
	}
	signal.Ignore(syscall.SIGPIPE)
	if err := answer(session).Write(os.Stdout); err != nil {
		fail(err)
	}
	os.Exit(0)
}

// End is when a call gives up that something holds up which knows no deadline, as a file on a server that doesn't answer. An
// SDK's patience ends after 60 seconds.
const End = 55 * time.Second

// NotFinished is what is then said.
func NotFinished(name string) error {
	return hint.New(fmt.Errorf("%s: not finished within %s", name, End), "`aws-accounts doctor %s` shows what doesn't answer", name)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "aws-accounts: %s\n", err)
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(os.Stderr, "hint: %s\n", h)
	}
	os.Exit(1)
}

// Called recognises the command line that setup writes: process, maybe the accounts file, and the account. Programs start it
// many times a minute.
func Called(args []string) (name, accountsFile string, ok bool) {
	if len(args) < 2 || len(args) > 3 || args[0] != "process" {
		return "", "", false
	}
	name = args[len(args)-1]
	accountsFile = os.Getenv("AWS_ACCOUNTS_FILE")
	if len(args) == 3 {
		if accountsFile, ok = strings.CutPrefix(args[1], "--accounts-file="); !ok {
			return "", "", false
		}
	}
	return name, accountsFile, name != "" && name[0] != '-'
}

// stored returns the session that answers, or nil.
func stored(name, accountsFile string) *item.Session {
	key := item.SessionKey(name)
	path, err := place.AccountsFile(accountsFile)
	if err != nil || !item.ValidKey(key) {
		return nil
	}
	state, err := place.State()
	if err != nil {
		return nil
	}
	notes := place.Join(state, "locks")
	files := version.At(path, notes, time.Now())
	stamp := version.WithCredentials(files.Stamp())
	if stamp == "" {
		return nil
	}

	var data []byte
	switch cmp.Or(os.Getenv("AWS_ACCOUNTS_KEYCHAIN"), files.Noted.Backend, item.PlatformKeychain(runtime.GOOS)) {
	case item.SecretService:
		data, err = item.FromSecretService(nodbus.Address(), notes, item.Prefix+key)
	case item.File:
		data, err = item.FromFile(place.Join(state, "keychain"), item.Prefix+key, passphrase)
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	session, err := item.ParseSession(name, data)
	if err != nil || !session.Answers(stamp, time.Now()) {
		return nil
	}
	return session
}

// passphrase is the file keychain's, where nothing has to be run or asked for it.
func passphrase() (string, error) {
	if p := os.Getenv("AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE"); p != "" {
		return p, nil
	}
	return "", item.ErrUnavailable
}

func answer(s *item.Session) document.Document {
	return document.Document{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: s.SecretAccessKey,
		SessionToken:    s.SessionToken,
		Expires:         s.Expiration,
		AccountID:       s.AccountID,
	}
}
