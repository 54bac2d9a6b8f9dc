package accounts

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/tailscale/hujson"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/tui"
)

// AccountsFrom names an accounts file that a team shares, which is only read. Field by field and account by account, what
// the user's own file says wins.
//
// A file is read where it is: a git checkout, a network share. What an address has is read from the copy that `sync shared`
// fetched, so that nothing waits for a network. Of both the last good version is kept.
type AccountsFrom struct {
	File      string `json:"file,omitempty"`       // ~ is the home directory; relative to the folder of the file that names it
	URL       string `json:"url,omitempty"`        // https, or s3://BUCKET/KEY
	Account   string `json:"account,omitempty"`    // with s3: the account whose credentials fetch it
	SHA256    string `json:"sha256,omitempty"`     // of its content, in hexadecimal
	PublicKey string `json:"public_key,omitempty"` // minisign's; the signature is beside it, with .minisig at the end
}

// signatureEnd is what minisign adds to a file's name.
const signatureEnd = ".minisig"

// shared is what AccountsFrom led to.
type shared struct {
	file      *File
	content   []byte
	path      string        // where it was read
	stamp     version.Stamp // of just that content; none for the copy of an earlier version
	signature []byte        // of a file that is read where it is
	signed    signed        // what its signature says of it, with a public_key
	trouble   error         // why this is such a copy, or nothing
	clashes   []string      // what of it isn't used, as the user's own file says otherwise
}

// String names the file as it may be shown: an address without what may be a secret in it.
func (from *AccountsFrom) String() string {
	if from.URL == "" {
		return tui.ShowPath(from.File)
	}
	address, err := url.Parse(from.URL)
	if err != nil || address.User == nil && address.RawQuery == "" {
		return tui.ShowPath(from.URL)
	}
	address.User, address.RawQuery = nil, ""
	return tui.ShowPath(address.String())
}

// S3 returns the parts of an address s3://BUCKET/KEY.
func (from *AccountsFrom) S3() (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(from.URL, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	return bucket, key, ok && bucket != "" && key != ""
}

// Signature is the address of the signature, "" if none is asked for.
func (from *AccountsFrom) Signature() string {
	if from.PublicKey == "" {
		return ""
	}
	return from.URL + signatureEnd
}

// From returns what the file at path says about a shared one, nil for nothing, also where the shared one is what keeps it
// from being valid.
func From(path string) (*AccountsFrom, error) {
	data, _, err := read(path)
	if err != nil {
		return nil, err
	}
	r := newReport(data)
	f := &File{Path: path}
	root, ok := parse(r)
	if ok {
		d := newDecoder(r)
		d.value(root, reflect.ValueOf(f).Elem(), "")
		newCheck(d, f, root).accountsFrom()
	}
	return f.AccountsFrom, problemsError(path, r)
}

// Keep makes content, with its signature, the copy of what from names, if it is all that it must be. It returns the
// accounts that came, changed and went.
func (from *AccountsFrom) Keep(content, signature []byte) (new, changed, gone []string, err error) {
	says, err := from.verify(content, signature)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := parseFile(from.String(), content, true)
	if err != nil {
		return nil, nil, nil, hint.New(err, "tell who keeps it: `aws-accounts --accounts-file=FILE validate` shows all that is wrong; the version fetched before stays in use")
	}
	before, err := from.lastGood(from.URL)
	if err != nil {
		before = &shared{file: &File{}}
	}
	if err := from.newer(says, before.signed); err != nil {
		return nil, nil, nil, err
	}
	old := before.file
	if err := from.writeCopy(from.URL, content, signature); err != nil {
		return nil, nil, nil, fmt.Errorf("keeping a copy of %s: %w", from, hint.FileError(err))
	}
	for a := range f.All() {
		switch before := old.indexed().byName[strings.ToLower(a.Name)]; {
		case before == nil:
			new = append(new, a.Name)
		case !sameEntry(*before, *a):
			changed = append(changed, a.Name)
		}
	}
	for a := range old.All() {
		if f.index.byName[strings.ToLower(a.Name)] == nil {
			gone = append(gone, a.Name)
		}
	}
	return new, changed, gone, nil
}

// Fetched is when the copy was fetched, the zero time if there is none.
func (from *AccountsFrom) Fetched() time.Time {
	path, err := from.copy(from.URL)
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// copy is where the last good version of source, an address or an absolute path, is kept: another one for each key that it
// must be signed with. With a key the copy begins with the signature, and is verified whenever it is read.
func (from *AccountsFrom) copy(source string) (string, error) {
	state, err := place.State()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(source + "\n" + from.PublicKey))
	return filepath.Join(state, "shared", hex.EncodeToString(sum[:8])+".json"), nil
}

func (from *AccountsFrom) writeCopy(source string, content, signature []byte) error {
	path, err := from.copy(source)
	if err != nil {
		return err
	}
	whole := content
	if from.PublicKey != "" {
		whole = slices.Concat(bytes.TrimSpace(signature), []byte("\n"), content)
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, whole) {
		return nil
	}
	return atomicfile.Write(path, whole, 0o600)
}

// lastGood is the copy of source, if it still is all that it must be.
func (from *AccountsFrom) lastGood(source string) (*shared, error) {
	path, err := from.copy(source)
	if err != nil {
		return nil, err
	}
	content, stamp, err := readWhole(path)
	if err != nil {
		return nil, err
	}
	var signature []byte
	if from.PublicKey != "" {
		lines := bytes.SplitAfterN(content, []byte("\n"), signatureLines+1)
		content = lines[len(lines)-1]
		signature = bytes.Join(lines[:len(lines)-1], nil)
	}
	s, err := from.parse(path, content, signature)
	if err != nil {
		return nil, err
	}
	s.stamp = stamp
	return s, nil
}

// signatureLines is how many lines minisign writes.
const signatureLines = 4

// at is where a file or the copy of an address is, for the accounts file at path.
func (from *AccountsFrom) at(path string) (string, error) {
	if from.URL != "" {
		return from.copy(from.URL)
	}
	file := place.Expand(from.File)
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(path), file)
	}
	return filepath.Abs(file)
}

// load reads what from names for the accounts file at path. Where that fails it is the last good version, or nothing, and
// why: the user's own accounts are never affected.
func (from *AccountsFrom) load(path string) *shared {
	at, err := from.at(path)
	if err != nil {
		return &shared{file: &File{}, trouble: err}
	}
	if from.URL != "" {
		s, err := from.lastGood(from.URL)
		switch {
		case err == nil:
			return s
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errChecksum): // another is asked for by now
			err = errors.New("not fetched yet: `aws-accounts sync shared` does that")
		default:
			err = fmt.Errorf("the copy of it can't be used: %w", err)
		}
		return &shared{path: at, file: &File{}, trouble: err}
	}
	s, err := from.read(at)
	before, none := from.lastGood(at)
	if err == nil && none == nil {
		err = from.newer(s.signed, before.signed)
	}
	switch {
	case err == nil:
		return s
	case none != nil:
		return &shared{path: at, file: &File{}, trouble: err}
	}
	return &shared{file: before.file, content: before.content, path: at, trouble: fmt.Errorf("%w; the last good version is used", err)}
}

// read reads the file at path, and its signature beside it.
func (from *AccountsFrom) read(path string) (*shared, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, hint.FileError(err)
	}
	if err := sharedMode(path, info); err != nil {
		return nil, err
	}
	content, stamp, err := readWhole(path)
	if err != nil {
		return nil, err
	}
	var signature []byte
	if from.PublicKey != "" {
		if signature, err = atomicfile.Read(path + signatureEnd); err != nil {
			return nil, tampered{fmt.Errorf("its signature: %w", hint.FileError(err))}
		}
	}
	s, err := from.parse(path, content, signature)
	if err != nil {
		return nil, err
	}
	s.stamp, s.signature = stamp, signature
	return s, nil
}

// parse is the shared file of that content, if it is what was signed and all that it must be.
func (from *AccountsFrom) parse(path string, content, signature []byte) (*shared, error) {
	says, err := from.verify(content, signature)
	if err != nil {
		return nil, err
	}
	f, err := parseFile(path, content, true)
	if err != nil {
		return nil, hint.New(err, "tell who keeps it: `aws-accounts --accounts-file=FILE validate` shows all that is wrong")
	}
	return &shared{file: f, content: content, path: path, signed: says}, nil
}

// sharedMode refuses what nobody in particular keeps. Who may write it is the team's affair otherwise: it can't name
// commands.
func sharedMode(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if runtime.GOOS == "windows" { // access lists, not modes
		return nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return hint.FileError(err)
	}
	const others, sticky = 0o002, fs.ModeSticky
	if info.Mode()&others != 0 || folder.Mode()&others != 0 && folder.Mode()&sticky == 0 {
		return tampered{errors.New("everybody can write it, and so choose the roles that you assume")}
	}
	return nil
}

// tampered is trouble with a shared file that somebody may have meant: it isn't the one that was pinned or signed.
type tampered struct{ error }

func (t tampered) Unwrap() error { return t.error }

var errChecksum = errors.New("another checksum than the accounts file says")

func (from *AccountsFrom) checksum(content []byte) error {
	sum := sha256.Sum256(content)
	if from.SHA256 == "" || strings.EqualFold(from.SHA256, hex.EncodeToString(sum[:])) {
		return nil
	}
	err := fmt.Errorf("%s has %w: %x", from, errChecksum, sum)
	return tampered{hint.New(err, "if the change is right, write it there as \"sha256\"")}
}

// signed is what a signature says of the file besides its content: minisign's trusted comment.
type signed struct {
	file string
	at   time.Time // the zero time without a public_key
}

// verify holds content against what from demands, and returns what its signature says.
func (from *AccountsFrom) verify(content, signature []byte) (says signed, err error) {
	if err := from.checksum(content); err != nil || from.PublicKey == "" {
		return signed{}, err
	}
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(from.PublicKey)); err != nil {
		return signed{}, errors.New("the public_key is none of minisign's")
	}
	name := path.Base(filepath.ToSlash(from.File + from.URL))
	next := fmt.Sprintf("ask who keeps it: `minisign -Sm %s` signs it", hint.Word(name))
	if !minisign.Verify(key, content, signature) {
		return signed{}, tampered{hint.New(fmt.Errorf("%s is not signed with the public_key", from), "%s", next)}
	}
	var parsed minisign.Signature
	if err := parsed.UnmarshalText(signature); err != nil {
		return signed{}, err
	}
	for _, word := range strings.Split(parsed.TrustedComment, "\t") {
		what, value, _ := strings.Cut(word, ":")
		switch what {
		case "file":
			says.file = value
		case "timestamp":
			if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
				says.at = time.Unix(seconds, 0)
			}
		}
	}
	switch {
	case says.at.IsZero():
		err = fmt.Errorf("%s: its signature doesn't say when it was signed", from)
	case says.file == "":
		err = fmt.Errorf("%s: its signature doesn't say which file was signed", from)
	case says.file != name:
		err = fmt.Errorf("%s: it was signed as another file, %s", from, tui.Quote(says.file))
	default:
		return says, nil
	}
	return signed{}, tampered{hint.New(err, "%s", next)}
}

// newer refuses a version that was signed before the one that was used here last: a signature stays good when what it signs
// is put back.
func (from *AccountsFrom) newer(now, before signed) error {
	if !now.at.Before(before.at) {
		return nil
	}
	const day = "2006-01-02 15:04"
	err := fmt.Errorf("%s was signed %s, and the version used before it %s: somebody may have put an old one back", from,
		now.at.Local().Format(day), before.at.Local().Format(day))
	return tampered{hint.New(err, "ask who keeps it; signed again, it is the newest")}
}

// Outdated reports whether the shared file can't be used, so that an earlier version of it is. No stamp shows when that ends:
// a signature may be what is missing.
func (f *File) Outdated() bool { return f.shared != nil && f.shared.trouble != nil }

// SharedTrouble is why what accounts_from names can't be used, nil if it can. grave tells that somebody may have meant it.
func (f *File) SharedTrouble() (err error, grave bool) {
	if !f.Outdated() {
		return nil, false
	}
	_, grave = errors.AsType[tampered](f.shared.trouble)
	what, _, more := strings.Cut(f.shared.trouble.Error(), "\n")
	if more {
		what += " (and more)"
	}
	if name := f.AccountsFrom.String(); !strings.HasPrefix(what, name) {
		what = name + ": " + what
	}
	return hint.New(errors.New(what), "%s", cmp.Or(hint.Of(f.shared.trouble), "tell who keeps it")), grave
}

// sharedTrouble reports it about the accounts file, whose own accounts may refer to what is missing.
func (c *check) sharedTrouble() {
	c.f.shared = c.shared
	if err, _ := c.f.SharedTrouble(); err != nil {
		c.at(c.root, "accounts_from", "%s", err)
	}
}

// keepCopy is best effort, as without the copy all works but for the day when the source is gone.
func (from *AccountsFrom) keepCopy(s *shared) {
	if from.URL == "" && s.trouble == nil {
		from.writeCopy(s.path, s.content, s.signature)
	}
}

// accountsFrom checks the one value by itself, and reports whether there is a good one.
func (c *check) accountsFrom() bool {
	from, v := c.f.AccountsFrom, member(c.root, "accounts_from")
	if from == nil {
		return false
	}
	before := len(c.list)
	_, _, isS3 := from.S3()
	switch {
	case from.File == "" && from.URL == "":
		if member(v, "file") == nil && member(v, "url") == nil {
			c.add(v.StartOffset, `"accounts_from" needs a "file", or a "url" (https://… or s3://BUCKET/KEY)`)
		}
	case from.File != "" && from.URL != "":
		c.at(v, "url", `"accounts_from" has both "file" and "url": it is one of them`)
	case from.URL != "" && !isS3 && !IsStartURL(from.URL):
		c.at(v, "url", `"url" is neither https://… nor s3://BUCKET/KEY, or has a password in it`)
	case isS3 && from.Account == "":
		c.missing(v, "account", `"accounts_from" at S3 needs an "account": whose credentials fetch it`)
	case isS3 && !slices.ContainsFunc(c.f.names(), func(name string) bool { return strings.EqualFold(name, from.Account) }):
		c.at(v, "account", "there is no account %s in this file%s: it fetches the others", tui.Quote(from.Account), DidYouMean(from.Account, c.f.names()))
	case !isS3 && from.Account != "":
		c.at(v, "account", `"account" is for s3://BUCKET/KEY`)
	}
	if sum, err := hex.DecodeString(from.SHA256); from.SHA256 != "" && (err != nil || len(sum) != sha256.Size) {
		c.at(v, "sha256", `"sha256" is not 64 hexadecimal digits`)
	}
	var key minisign.PublicKey
	if from.PublicKey != "" && key.UnmarshalText([]byte(from.PublicKey)) != nil {
		c.at(v, "public_key", `"public_key" is none of minisign's, like "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"`)
	}
	return len(c.list) == before
}

// harmless refuses in a shared file what would let whoever writes it run commands on the computers of all others, and what
// is each user's own choice.
func (c *check) harmless() {
	refuse := func(v *hujson.Value, field, why string) {
		if m := member(v, field); m != nil {
			c.add(m.StartOffset, "%q has no place in a shared file: %s", field, why)
		}
	}
	refuse(c.root, "keychain", "it can run a command, and where secrets are kept is each user's own choice")
	refuse(c.root, "accounts_from", "one shared file is enough")
	for i := range c.nodes {
		v := &c.nodes[i]
		refuse(v, "mfa_process", "it runs a command; a user's own entry can have it")
		refuse(v, "session", "what a user's own keys are handed out as is his choice")
		for _, way := range []string{"profile", "environment", "instance", "web_identity_token_file"} {
			refuse(member(v, "credentials"), way, "where credentials begin on a computer is its user's choice")
		}
	}
}

// merge adds to the file what its owner shares with others and doesn't say himself.
func (c *check) merge() {
	from, v := c.f.AccountsFrom, member(c.root, "accounts_from")
	s := from.load(c.f.Path)
	c.shared = s
	d, theirs := &c.f.Defaults, s.file.Defaults
	d.Region = cmp.Or(d.Region, theirs.Region)
	d.Duration = cmp.Or(d.Duration, theirs.Duration)
	d.ProfilePrefix = cmp.Or(d.ProfilePrefix, theirs.ProfilePrefix)
	c.f.index = newIndex(c.f)
	profiles := map[string]string{} // → the name of the user's own account
	for a := range c.f.All() {
		profiles[a.ProfileName()] = a.Name
	}
	clash := func(format string, args ...any) { s.clashes = append(s.clashes, fmt.Sprintf(format, args...)) }
	others := map[string]bool{} // Identity Centers of the user's own by the names of theirs
	for _, session := range s.file.SSOSessions {
		switch own := c.f.SSOSession(session.Name); {
		case own == nil:
			c.sso[strings.ToLower(session.Name)] = len(c.f.SSOSessions)
			c.f.SSOSessions = append(c.f.SSOSessions, session)
		case own.StartURL != session.StartURL:
			others[strings.ToLower(session.Name)] = true
			clash("%s calls another Identity Center %s: its accounts there aren't used", from, tui.Quote(session.Name))
		}
	}
	begins := s.file.indexed().base.Name
	for _, a := range s.file.Accounts {
		own := c.f.index.byName[strings.ToLower(a.Name)]
		if own != nil {
			clash("%s is in %s as well: yours is used", tui.Quote(own.Name), from)
			continue
		}
		a.file = c.f
		if other, taken := profiles[a.ProfileName()]; taken {
			clash("%s of %s isn't used: profile %s is that of your %s", tui.Quote(a.Name), from, tui.Quote(a.ProfileName()), tui.Quote(other))
			continue
		}
		if a.SSO != nil && others[strings.ToLower(a.SSO.Session)] {
			continue
		}
		if a.RoleARN != "" && a.Source == "" {
			a.Source = begins // which a second base account, of the user's own, doesn't change
		}
		a.From = from.String()
		c.f.Accounts = append(c.f.Accounts, a)
		c.nodes = append(c.nodes, *v)
	}
	c.f.index = newIndex(c.f)
	c.source = make([]int, len(c.f.Accounts))
}

// ReadOnlyError says why an account can't be changed here.
func ReadOnlyError(a *Account) error {
	return hint.New(fmt.Errorf("%s is in %s, which is only read", a.Name, a.From),
		"change it there; or `aws-accounts add %s` gives your own file an account of that name, which wins", a.Name)
}
