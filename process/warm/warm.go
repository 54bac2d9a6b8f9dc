// Package warm answers `process NAME` from the keychain before the rest of the program is initialised, which takes longer than
// the answer: AWS's SDK builds its tables of endpoints in init functions, whatever command was given, and its pages have to be
// touched for it. Without that a warm call costs half.
//
// It answers or it does nothing: only a fresh session of the accounts file's present version, in a keychain that package item
// reads, is handed out here. All else, trouble with the files and the keychain included, is left to the way that every other
// command takes, but for a call that nothing ends (see deadline). Nothing here asks, or writes a file.
//
// The order is the language's: packages that are ready are initialised in the order of their import paths. This one is ready
// before those of AWS as long as nothing that it needs, however indirectly, is of github.com or one of the standard library's
// that get ready late: os/exec, os/user, path/filepath, net. Where it isn't, as on Windows, whose paths need path/filepath, it
// saves what comes after it. A test holds the order on Linux.
package warm

import (
	"cmp"
	"os"
	"runtime"
	"strings"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
	"aws-accounts/process/protocol"
)

func init() {
	name, file, ok := Called(os.Args[1:])
	if !ok {
		return
	}
	private.Process()
	protocol.IgnoreHangupWhileAlone()
	nodbus.Unwatch() // files may be slow
	watch := time.AfterFunc(protocol.Remaining(protocol.CallLimit), func() { fail(protocol.NotFinished(name), file) })
	session := stored(name, file)
	if !watch.Stop() {
		select {} // it is just being said that there is no answer
	}
	if session == nil {
		nodbus.Watch() // whoever dials next has its own time
		return
	}
	if err := answer(session).Write(os.Stdout); err != nil {
		fail(err, file)
	}
	os.Exit(0)
}

func fail(err error, accountsFile string) {
	tui.Fail(os.Stderr, err, hint.AccountsFile(accountsFile))
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

func stored(name, accountsFile string) *item.Session {
	path, err := place.AccountsFile(accountsFile)
	if err != nil || !item.ValidKey(item.SessionKey(name, "")) {
		return nil
	}
	key := item.FullKey(place.Owner(path), item.SessionKey(name, protocol.Variant()))
	notes, err := place.LocksOf(path)
	if err != nil {
		return nil
	}
	files := version.At(path, notes, time.Now())
	aws := version.SeeAWS(time.Now())
	version.HandOver(files, aws)
	stamp := aws.With(files.Stamp())
	if stamp == "" {
		return nil
	}

	var data []byte
	switch cmp.Or(os.Getenv("AWS_ACCOUNTS_KEYCHAIN"), files.Noted.Backend, item.PlatformKeychain(runtime.GOOS)) {
	case item.SecretService:
		nodbus.Watch()
		data, err = item.FromSecretService(nodbus.Address(), notes, key)
	case item.File:
		var dir string
		if dir, err = place.FileKeychain(); err == nil {
			data, err = item.FromFile(dir, key, os.Getenv(private.Passphrase))
		}
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

func answer(s *item.Session) protocol.Document {
	return protocol.Document{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: s.SecretAccessKey,
		SessionToken:    s.SessionToken,
		Expires:         s.Expiration,
		AccountID:       s.AccountID,
	}
}
