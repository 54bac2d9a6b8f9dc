package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/99designs/keyring"
	"github.com/godbus/dbus"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/note"
)

// secretService reads and writes the library's items in the Secret Service: the specification is
// https://specifications.freedesktop.org/secret-service/latest/.
//
// The library needs eight round trips for one item, waits without end for a locked collection, and creates a collection of
// its own where `login` is missing, which nobody can unlock without a desktop. So all is done here, over the library's own
// connection, and stored as the library does: what depends on no answer is asked at once. Where a session lies is noted, so that
// item.FromSecretService needs no search, which takes longer the more items there are.
// Every step is limited by nodbus.Patience, except for waiting for the user.
type secretService struct {
	conn   *dbus.Conn
	unlock bool
	notes  string // their folder

	mu         sync.Mutex
	greeted    bool
	session    dbus.ObjectPath // "" until the first use; it belongs to the connection, and ends with the daemon
	collection dbus.ObjectPath
}

const (
	secretsName   = "org.freedesktop.secrets"
	secretsPath   = "/org/freedesktop/secrets"
	secretsError  = "org.freedesktop.Secret.Error."
	collections   = secretsPath + "/collection/"
	iService      = "org.freedesktop.Secret.Service."
	iCollection   = "org.freedesktop.Secret.Collection"
	iItem         = "org.freedesktop.Secret.Item"
	iPrompt       = "org.freedesktop.Secret.Prompt"
	getProperty   = "org.freedesktop.DBus.Properties.Get"
	noObject      = dbus.ObjectPath("/")
	itemAttribute = "profile" // the one attribute that the library gives its items
)

type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

func openSecretService(cfg KeychainConfig) (store, error) {
	conn, err := dbus.SessionBus() // the library's, open already: openStore asked whether it has this backend
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// `login` is what the desktop session opens; a service without one says below which it uses instead.
	return &secretService{conn: conn, unlock: cfg.Unlock, notes: cfg.Notes, collection: collections + "login"}, nil
}

// attempt makes a call to a service that has been greeted, and explains its error. It is made again if the daemon was
// restarted, or the item replaced in between.
func (s *secretService) attempt(ctx context.Context, call func() error) error {
	err := s.greet(ctx)
	if err == nil {
		err = call()
	}
	if isStale(err) {
		s.mu.Lock()
		s.session = ""
		s.mu.Unlock()
		err = call()
	}
	return secretsFailure(err)
}

func (s *secretService) get(ctx context.Context, key string) (data []byte, err error) {
	err = s.attempt(ctx, func() error { data, err = s.getOnce(ctx, key); return err })
	return data, err
}

func (s *secretService) getOnce(ctx context.Context, key string) ([]byte, error) {
	opening := s.openSession(ctx)
	items, err := s.find(ctx, key)
	if err != nil {
		return nil, err
	}
	session, err := opening()
	if err != nil {
		return nil, err
	}
	for _, path := range items {
		stored, err := s.read(ctx, session, path)
		if err != nil {
			return nil, err
		}
		if stored.Key == key { // others have the same attribute, but not our content
			s.notePlace(key, path)
			return stored.Data, nil
		}
	}
	if len(items) > 0 {
		return nil, ErrCorrupt
	}
	return nil, ErrNotFound
}

// read returns what the library stored, or an empty item if something else is there.
func (s *secretService) read(ctx context.Context, session, path dbus.ObjectPath) (item.Item, error) {
	var value secret
	err := s.call(ctx, path, iItem+".GetSecret", []any{session}, &value)
	if isLocked(err) {
		if err = s.unlockObject(ctx, path); err != nil {
			return item.Item{}, err
		}
		err = s.call(ctx, path, iItem+".GetSecret", []any{session}, &value)
	}
	if err != nil {
		return item.Item{}, err
	}
	stored, _ := item.Parse(value.Value)
	return stored, nil
}

func (s *secretService) set(ctx context.Context, key string, data []byte) error {
	return s.attempt(ctx, func() error { return s.setOnce(ctx, key, data) })
}

// setOnce stores an item as the library does, in place of the one that has its attributes, and removes others of ours that have
// them, too: a read might find them first.
func (s *secretService) setOnce(ctx context.Context, key string, data []byte) error {
	value, err := json.Marshal(keyring.Item{Key: key, Data: data})
	if err != nil {
		return err
	}
	opening := s.openSession(ctx)
	there, err := s.find(ctx, key)
	if err != nil {
		return err
	}
	session, err := opening()
	if err != nil {
		return err
	}
	stored := secret{session, []byte{}, value, "application/json"}
	if len(there) == 0 {
		return s.create(ctx, key, stored)
	}
	// Not CreateItem, which may replace as well: behind a prompt that never ends, with KeePassXC.
	if err := s.call(ctx, there[0], iItem+".SetSecret", []any{stored}); err != nil {
		return err
	}
	s.notePlace(key, there[0])
	for _, path := range there[1:] {
		switch older, err := s.read(ctx, session, path); {
		case isNoObject(err): // deleted in between
		case err != nil:
			return err
		case older.Key == key: // others are not ours to remove
			if err := s.delete(ctx, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *secretService) create(ctx context.Context, key string, stored secret) error {
	var made, prompt dbus.ObjectPath
	err := s.call(ctx, s.where(), iCollection+".CreateItem", []any{
		map[string]dbus.Variant{
			iItem + ".Label":      dbus.MakeVariant(key),
			iItem + ".Attributes": dbus.MakeVariant(map[string]string{itemAttribute: key}),
		},
		stored, true,
	}, &made, &prompt)
	if err == nil && made == noObject {
		made, err = s.madeBehind(ctx, prompt)
	}
	if err == nil {
		s.notePlace(key, made)
	}
	return err
}

func (s *secretService) remove(ctx context.Context, key string) error {
	return s.attempt(ctx, func() error { return s.removeOnce(ctx, key) })
}

func (s *secretService) removeOnce(ctx context.Context, key string) error {
	items, err := s.find(ctx, key)
	if err != nil {
		return err
	}
	if name := item.PlaceNote(key); name != "" {
		note.Remove(s.notes, name)
	}
	if len(items) == 0 {
		return ErrNotFound
	}
	for _, path := range items { // foreign ones too: they have our key, and would keep it unreadable
		if err := s.delete(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// madeBehind returns the item that is made behind a prompt. KeePassXC makes each in that way, and shows nothing of it unless it
// is told to, so this is done also where the user may not be asked, and then not for long.
func (s *secretService) madeBehind(ctx context.Context, prompt dbus.ObjectPath) (dbus.ObjectPath, error) {
	if !s.unlock {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, nodbus.Patience)
		defer cancel()
	}
	result, err := s.show(ctx, prompt)
	if err != nil {
		return "", err
	}
	made, _ := result.Value().(dbus.ObjectPath)
	return made, nil
}

// notePlace notes where the item of a key lies, unless that is known.
func (s *secretService) notePlace(key string, path dbus.ObjectPath) {
	if path == "" {
		return
	}
	var known dbus.ObjectPath
	if name := item.PlaceNote(key); name != "" && !(note.Read(s.notes, name, &known) && known == path) {
		note.Write(s.notes, name, path)
	}
}

func (s *secretService) delete(ctx context.Context, path dbus.ObjectPath) error {
	var prompt dbus.ObjectPath
	err := s.call(ctx, path, iItem+".Delete", nil, &prompt)
	if err == nil {
		err = s.answer(ctx, prompt)
	}
	if isStale(err) {
		return nil
	}
	return err
}

// keys asks for the attributes of all items at once, and not for one after the other.
func (s *secretService) keys(ctx context.Context) (keys []string, err error) {
	err = s.attempt(ctx, func() error { keys, err = s.keysOnce(ctx); return err })
	return keys, err
}

func (s *secretService) keysOnce(ctx context.Context) ([]string, error) {
	if _, err := s.needUnlocked(ctx); err != nil {
		return nil, err
	}
	var items dbus.Variant
	if err := s.call(ctx, s.where(), getProperty, []any{iCollection, "Items"}, &items); err != nil {
		return nil, err
	}
	paths, ok := items.Value().([]dbus.ObjectPath)
	if !ok {
		return nil, fmt.Errorf("%w: the Secret Service lists no items", ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, nodbus.Patience)
	defer cancel()
	calls := make([]*dbus.Call, len(paths))
	for i, p := range paths {
		calls[i] = s.conn.Object(secretsName, p).GoWithContext(ctx, getProperty, 0, make(chan *dbus.Call, 1), iItem, "Attributes")
	}
	var keys []string
	for _, call := range calls {
		var attributes dbus.Variant
		if err := (<-call.Done).Store(&attributes); isStale(err) {
			continue // deleted in between
		} else if err != nil {
			return nil, err
		}
		if a, ok := attributes.Value().(map[string]string); ok {
			keys = append(keys, a[itemAttribute])
		}
	}
	return keys, nil
}

// greet has the service answer something that does no harm before anything is asked of it: see item.FromSecretService. What it
// answers doesn't matter.
func (s *secretService) greet(ctx context.Context) error {
	s.mu.Lock()
	greeted := s.greeted
	s.mu.Unlock()
	if greeted {
		return nil
	}
	err := s.call(ctx, secretsPath, "org.freedesktop.DBus.Peer.Ping", nil)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	s.mu.Lock()
	s.greeted = true
	s.mu.Unlock()
	return nil
}

// openSession starts to open a session, if there is none, and returns what waits for it.
func (s *secretService) openSession(ctx context.Context) func() (dbus.ObjectPath, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.session; session != "" {
		return func() (dbus.ObjectPath, error) { return session, nil }
	}
	// plain: the bus is the user's own. Encrypting to the daemon would only hide the item from who can ask for it anyway.
	opening := s.begin(ctx, secretsPath, iService+"OpenSession", "plain", dbus.MakeVariant(""))
	return func() (dbus.ObjectPath, error) {
		var output dbus.Variant
		var session dbus.ObjectPath
		if err := opening(&output, &session); err != nil {
			return "", err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.session = session
		return session, nil
	}
}

// find returns the items of the key, in `login`, or else in the collection that the service calls its default: GNOME Keyring's
// default is login, KWallet and KeePassXC have other names for theirs. The collection is unlocked then, if need be by the user.
func (s *secretService) find(ctx context.Context, key string) (items []dbus.ObjectPath, err error) {
	search := func() func(...any) error {
		return s.begin(ctx, s.where(), iCollection+".SearchItems", map[string]string{itemAttribute: key})
	}
	searching := search() // at once with the next
	wasLocked, err := s.needUnlocked(ctx)
	found := searching(&items)
	if err != nil {
		return nil, err
	}
	if wasLocked || isNoObject(found) { // not every service finds what is in a locked collection
		items = nil // a slice that is longer than the answer isn't taken
		found = search()(&items)
	}
	return items, found
}

// needUnlocked sees to it that the collection is there and unlocked, if need be by the user.
func (s *secretService) needUnlocked(ctx context.Context) (wasLocked bool, err error) {
	var locked dbus.Variant
	err = s.inCollection(ctx, func() error {
		return s.call(ctx, s.where(), getProperty, []any{iCollection, "Locked"}, &locked)
	})
	if err != nil {
		return false, err
	}
	if is, ok := locked.Value().(bool); ok && !is {
		return false, nil
	}
	return true, s.unlockObject(ctx, s.where())
}

func (s *secretService) inCollection(ctx context.Context, call func() error) error {
	used := s.where() // by others at the same time, who may find the fallback first
	err := call()
	if !isNoObject(err) {
		return err
	}
	var fallback dbus.ObjectPath
	if err := s.call(ctx, secretsPath, iService+"ReadAlias", []any{"default"}, &fallback); err != nil {
		return err
	}
	if fallback == noObject || fallback == used {
		return hint.New(fmt.Errorf("%w: the Secret Service is running but has no collection to store in, as is usual without a desktop session", ErrUnavailable),
			"log in to the desktop once, so that it makes its login keyring; on a server set AWS_ACCOUNTS_KEYCHAIN=file")
	}
	s.mu.Lock()
	s.collection = fallback
	s.mu.Unlock()
	return call()
}

func (s *secretService) where() dbus.ObjectPath {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.collection
}

// collectionName is the name by which the library finds the collection: the end of its path, where _20 is a blank.
func (s *secretService) collectionName() string {
	escaped := strings.TrimPrefix(string(s.where()), collections)
	name, err := url.PathUnescape(strings.ReplaceAll(escaped, "_", "%"))
	if err != nil {
		return escaped
	}
	return name
}

// unlockObject has the user unlock a collection or an item, or is ErrLocked at once if nobody may be asked.
func (s *secretService) unlockObject(ctx context.Context, object dbus.ObjectPath) error {
	if !s.unlock {
		return hint.New(fmt.Errorf("%w: the collection %s", ErrLocked, s.collectionName()),
			"log in to the desktop, or run `aws-accounts doctor` there, which asks for the keychain's password")
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := s.call(ctx, secretsPath, iService+"Unlock", []any{[]dbus.ObjectPath{object}}, &unlocked, &prompt); err != nil {
		return err
	}
	return s.answer(ctx, prompt)
}

// answer shows the service's dialog, and waits for the user, unless nobody may be asked. "/" is no dialog.
func (s *secretService) answer(ctx context.Context, prompt dbus.ObjectPath) error {
	if prompt == noObject || prompt == "" {
		return nil
	}
	if !s.unlock {
		return ErrLocked
	}
	_, err := s.show(ctx, prompt)
	return err
}

// show waits for what comes of a prompt, as long as ctx allows.
func (s *secretService) show(ctx context.Context, prompt dbus.ObjectPath) (result dbus.Variant, err error) {
	// GNOME Keyring tells us alone that it's completed, KeePassXC whoever has said that he wants to know.
	// And nobody completes it when the service has ended.
	for _, match := range []string{
		"type='signal',interface='org.freedesktop.Secret.Prompt',member='Completed',path='" + string(prompt) + "'",
		"type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" + secretsName + "'",
	} {
		if err := s.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.AddMatch", 0, match).Err; err != nil {
			return result, err
		}
		defer s.conn.BusObject().Go("org.freedesktop.DBus.RemoveMatch", dbus.FlagNoReplyExpected, nil, match)
	}
	signals := make(chan *dbus.Signal, 16)
	s.conn.Signal(signals)
	defer s.conn.RemoveSignal(signals)
	if err := s.call(ctx, prompt, iPrompt+".Prompt", []any{""}); err != nil {
		return result, err
	}
	for {
		select {
		case <-ctx.Done():
			s.conn.Object(secretsName, prompt).Go(iPrompt+".Dismiss", dbus.FlagNoReplyExpected, nil)
			return result, fmt.Errorf("%w: its dialog was not answered", ErrLocked)
		case signal, open := <-signals:
			if !open {
				return result, io.EOF
			}
			if signal != nil && signal.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(signal.Body) == 3 && signal.Body[0] == secretsName {
				return result, fmt.Errorf("%w: the Secret Service has ended", ErrUnavailable)
			}
			if signal == nil || signal.Path != prompt || signal.Name != iPrompt+".Completed" {
				continue
			}
			if len(signal.Body) > 0 && signal.Body[0] == true {
				return result, fmt.Errorf("%w: its dialog was dismissed, or could not be shown", ErrLocked)
			}
			if len(signal.Body) > 1 {
				result, _ = signal.Body[1].(dbus.Variant)
			}
			return result, nil
		}
	}
}

func (s *secretService) call(ctx context.Context, object dbus.ObjectPath, method string, args []any, results ...any) error {
	return s.begin(ctx, object, method, args...)(results...)
}

// begin makes a call and returns what waits for its answer.
func (s *secretService) begin(ctx context.Context, object dbus.ObjectPath, method string, args ...any) (wait func(results ...any) error) {
	ctx, cancel := context.WithTimeout(ctx, nodbus.Patience)
	call := s.conn.Object(secretsName, object).GoWithContext(ctx, method, 0, make(chan *dbus.Call, 1), args...)
	return func(results ...any) error {
		defer cancel()
		return (<-call.Done).Store(results...)
	}
}

func dbusErrorName(err error) string {
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return e.Name
	}
	return ""
}

func isLocked(err error) bool { return dbusErrorName(err) == secretsError+"IsLocked" }

// isNoObject: services differ in how they say that an object does not exist.
func isNoObject(err error) bool {
	switch dbusErrorName(err) {
	case secretsError + "NoSuchObject", "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod",
		"org.freedesktop.DBus.Error.UnknownInterface":
		return true
	}
	return false
}

func isStale(err error) bool {
	return isNoObject(err) || dbusErrorName(err) == secretsError+"NoSession"
}

// secretsFailure finds the words for what the bus or the service said. An error's own text is left out: services put what they like there.
func secretsFailure(err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrLocked) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnavailable) {
		return err
	}
	name := dbusErrorName(err)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the Secret Service does not answer", ErrUnavailable)
	case isLocked(err):
		return ErrLocked
	case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner":
		return hint.New(fmt.Errorf("%w: no Secret Service is running (GNOME Keyring, KWallet and KeePassXC are such services)", ErrUnavailable),
			"install and start one, or set AWS_ACCOUNTS_KEYCHAIN=file")
	case name == "org.freedesktop.DBus.Error.AccessDenied":
		return fmt.Errorf("%w: the session bus refused (%s)", ErrDenied, name)
	case name != "":
		return fmt.Errorf("%w: the Secret Service failed (%s)", ErrUnavailable, name)
	case errors.Is(err, dbus.ErrClosed), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the connection to the session bus is gone", ErrUnavailable)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
