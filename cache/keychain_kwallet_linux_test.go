package cache

import (
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus"

	"aws-accounts/internal/test/stage"
)

// fakeKWallet speaks KWallet's interface on a test's bus. The real one needs a desktop.
type fakeKWallet struct {
	mu      sync.Mutex
	open    bool
	dialogs int
	entries map[string][]byte
}

func startKWallet(t *testing.T, bus *stage.GNOMEKeyring) *fakeKWallet {
	t.Helper()
	conn := bus.Dial()
	if _, err := conn.RequestName("org.kde.kwalletd5", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	w := &fakeKWallet{open: true, entries: map[string][]byte{}}
	// Not the library's Export: it cannot overload isOpen, which takes a handle or a name.
	calls := make(chan *dbus.Message, 64)
	conn.Eavesdrop(calls)
	t.Cleanup(func() {
		conn.Eavesdrop(nil) // Close would close the channel twice
		close(calls)
		conn.Close()
	})
	go func() {
		for call := range calls {
			if call.Type != dbus.TypeMethodCall {
				continue
			}
			result := w.answer(call.Headers[dbus.FieldMember].Value().(string), call.Body)
			conn.Send(&dbus.Message{
				Type: dbus.TypeMethodReply,
				Headers: map[dbus.HeaderField]dbus.Variant{
					dbus.FieldDestination: call.Headers[dbus.FieldSender],
					dbus.FieldReplySerial: dbus.MakeVariant(call.Serial()),
					dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(result)),
				},
				Body: []any{result},
			}, nil)
		}
	}()
	return w
}

func (w *fakeKWallet) answer(method string, args []any) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch method {
	case "isOpen":
		return w.open && args[0] != int32(0)
	case "open":
		if !w.open {
			w.dialogs++
		}
		if args[0] != "kdewallet" || args[2] != "aws-accounts" {
			return int32(-1)
		}
		return int32(7)
	case "entryList":
		names := []string{}
		for name := range w.entries {
			names = append(names, name)
		}
		return names
	case "readEntry":
		return append([]byte{}, w.entries[args[2].(string)]...)
	case "writeEntry":
		w.entries[args[2].(string)] = args[3].([]byte)
	case "removeEntry":
		delete(w.entries, args[2].(string))
	}
	return int32(0)
}

func TestKWallet(t *testing.T) {
	t.Parallel()
	bus := stage.Keyring(t)
	c := remoteConfig{Backend: "kwallet"}
	startRemote(t, c, bus.Env()...).get("session/dev").want(t, "unavailable", soon)

	w := startKWallet(t, bus)
	roundTrip(t, func() *remote { return startRemote(t, c, bus.Env()...) }, 64<<10)

	r := startRemote(t, c, bus.Env()...)
	for _, value := range []string{"SECRET", `{"Key":"SECRET"}`, `{"Key":1}`, `{"Data":"SECRET!"}`} {
		w.mu.Lock()
		w.entries["aws-accounts/session/dev"] = []byte(value)
		w.mu.Unlock()
		a := r.get("session/dev")
		a.want(t, "corrupt", soon)
		if strings.Contains(a.Text, "SECRET") {
			t.Errorf("the error quotes the item: %s", a.Text)
		}
	}
	r.set("session/dev", []byte("x")).want(t, "", soon)

	w.mu.Lock()
	w.open = false
	w.mu.Unlock()
	r.get("session/dev").want(t, "locked", soon)
	r.set("session/dev", nil).want(t, "locked", soon)
	r.remove("session/dev").want(t, "locked", soon)
	r.keys().want(t, "locked", soon)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dialogs > 0 {
		t.Error("a dialog was shown")
	}
}
