package accounts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
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
	file    *File
	content []byte
	path    string        // where it was read
	stamp   version.Stamp // of just that content; none for the copy of an earlier version
	trouble error         // why this is such a copy, or nothing
}

func (from *AccountsFrom) String() string { return tui.ShowPath(from.File + from.URL) }

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
	path, err := from.copy(from.URL)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := from.verify(content, signature); err != nil {
		return nil, nil, nil, err
	}
	f, err := parseFile(from.String(), content, true)
	if err != nil {
		return nil, nil, nil, hint.New(err, "tell who keeps it: `aws-accounts --accounts-file=FILE validate` shows all that is wrong; the version fetched before stays in use")
	}
	old := &File{}
	if data, err := os.ReadFile(path); err == nil {
		if f, err := parseFile(path, data, true); err == nil {
			old = f
		}
	}
	if err := atomicfile.Write(path, content, 0o600); err != nil {
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
// must be signed with, since a copy isn't verified again.
func (from *AccountsFrom) copy(source string) (string, error) {
	state, err := place.State()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(source + "\n" + from.PublicKey))
	return filepath.Join(state, "shared", hex.EncodeToString(sum[:8])+".json"), nil
}

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

// load reads what from names for the accounts file at path. Where that fails it is the last good version, and why.
func (from *AccountsFrom) load(path string) (*shared, error) {
	at, err := from.at(path)
	if err != nil {
		return nil, err
	}
	s, err := from.read(at)
	switch {
	case err == nil:
		return s, nil
	case from.URL != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, errChecksum)):
		return &shared{path: at, file: &File{}, trouble: errors.New("not fetched yet: `aws-accounts sync shared` does that")}, nil
	case from.URL != "":
		return nil, err
	}
	if copied, cerr := from.copy(at); cerr == nil {
		if content, cerr := os.ReadFile(copied); cerr == nil && from.checksum(content) == nil {
			if f, cerr := parseFile(copied, content, true); cerr == nil {
				return &shared{file: f, content: content, path: at, trouble: fmt.Errorf("%w; the last good version is used", err)}, nil
			}
		}
	}
	return nil, err
}

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
	if err := from.checksum(content); err != nil {
		return nil, err
	}
	if from.URL == "" { // the signature of what an address had was verified when it was fetched
		var signature []byte
		if from.PublicKey != "" {
			if signature, err = os.ReadFile(path + signatureEnd); err != nil {
				return nil, fmt.Errorf("its signature: %w", err)
			}
		}
		if err := from.verify(content, signature); err != nil {
			return nil, err
		}
	}
	f, err := parseFile(path, content, true)
	return &shared{file: f, content: content, path: path, stamp: stamp}, err
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
		return errors.New("everybody can write it, and so choose the roles that you assume")
	}
	return nil
}

var errChecksum = errors.New("another checksum than the accounts file says")

func (from *AccountsFrom) checksum(content []byte) error {
	sum := sha256.Sum256(content)
	if from.SHA256 == "" || strings.EqualFold(from.SHA256, hex.EncodeToString(sum[:])) {
		return nil
	}
	return hint.New(fmt.Errorf("%s has %w: %x", from, errChecksum, sum), "if the change is right, write it there as \"sha256\"")
}

func (from *AccountsFrom) verify(content, signature []byte) error {
	if err := from.checksum(content); err != nil {
		return err
	}
	if from.PublicKey == "" {
		return nil
	}
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(from.PublicKey)); err != nil {
		return errors.New("the public_key is none of minisign's")
	}
	if !minisign.Verify(key, content, signature) {
		return hint.New(fmt.Errorf("%s is not signed with the public_key", from), "ask who keeps it: `minisign -Sm accounts.json` signs it")
	}
	return nil
}

// Outdated reports whether the shared file can't be used, so that an earlier version of it is. No stamp shows when that ends:
// a signature may be what is missing.
func (f *File) Outdated() bool { return f.shared != nil && f.shared.trouble != nil }

// keepCopy is best effort, as without the copy all works but for the day when the source is gone.
func (from *AccountsFrom) keepCopy(s *shared) {
	path, err := from.copy(s.path)
	if err != nil || from.URL != "" || s.trouble != nil {
		return
	}
	if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, s.content) {
		atomicfile.Write(path, s.content, 0o600)
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
		c.at(v, "url", `url %s is neither https://… nor s3://BUCKET/KEY`, tui.Quote(from.URL))
	case isS3 && from.Account == "":
		c.missing(v, "account", `"accounts_from" at S3 needs an "account": whose credentials fetch it`)
	case isS3 && !slices.ContainsFunc(c.f.names(), func(name string) bool { return strings.EqualFold(name, from.Account) }):
		c.at(v, "account", "there is no account %s in this file%s: it fetches the others", tui.Quote(from.Account), didYouMean(from.Account, c.f.names()))
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
		refuse(&c.nodes[i], "mfa_process", "it runs a command; a user's own entry can have it")
	}
}

// merge adds to the file what its owner shares with others and doesn't say himself. It reports whether that could be read.
func (c *check) merge() bool {
	from, v := c.f.AccountsFrom, member(c.root, "accounts_from")
	s, err := from.load(c.f.Path)
	if err != nil {
		what, _, more := strings.Cut(err.Error(), "\n")
		if more {
			what += " (and more)"
		}
		c.add(v.StartOffset, "%s: %s", from, what)
		return false
	}
	c.shared = s
	own := map[string]bool{}
	for a := range c.f.All() {
		own[strings.ToLower(a.Name)] = true
	}
	begins := s.file.indexed().base.Name
	for _, a := range s.file.Accounts {
		if own[strings.ToLower(a.Name)] {
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
	for _, session := range s.file.SSOSessions {
		if c.f.SSOSession(session.Name) == nil {
			c.sso[strings.ToLower(session.Name)] = len(c.f.SSOSessions)
			c.f.SSOSessions = append(c.f.SSOSessions, session)
		}
	}
	d, theirs := &c.f.Defaults, s.file.Defaults
	if d.Region == "" {
		d.Region = theirs.Region
	}
	if d.Duration == 0 {
		d.Duration = theirs.Duration
	}
	if d.ProfilePrefix == "" {
		d.ProfilePrefix = theirs.ProfilePrefix
	}
	return true
}

// ReadOnlyError says why an account can't be changed here.
func ReadOnlyError(a *Account) error {
	return hint.New(fmt.Errorf("%s is in %s, which is only read", a.Name, a.From),
		"change it there; or `aws-accounts add %s` gives your own file an account of that name, which wins", a.Name)
}
