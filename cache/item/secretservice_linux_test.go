package item

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"
)

// The D-Bus library reads what is spelled here.
func TestCalls(t *testing.T) {
	t.Parallel()
	var plain body
	plain.string("plain")
	plain.signature("s")
	plain.string("")
	for name, c := range map[string]struct {
		call call
		body []any
	}{
		"nothing":   {call{serial: 1, to: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", iface: "org.freedesktop.DBus", method: "Hello"}, nil},
		"a variant": {call{serial: 2, to: secrets, path: servicePath, iface: "a.b", method: "Open", signature: "sv", body: plain}, []any{"plain", dbus.MakeVariant("")}},
		"paths": {call{serial: 3, to: secrets, path: servicePath, iface: "a.bcd", method: "Get", signature: "aoo", body: onePath("/item", "/session/s1")},
			[]any{[]dbus.ObjectPath{"/item"}, dbus.ObjectPath("/session/s1")}},
	} {
		m, err := dbus.DecodeMessage(bytes.NewReader(c.call.encode()))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := m.IsValid(); err != nil || m.Type != dbus.TypeMethodCall || m.Serial() != c.call.serial {
			t.Errorf("%s: %v, %v", name, m, err)
		}
		for field, want := range map[dbus.HeaderField]any{dbus.FieldPath: dbus.ObjectPath(c.call.path), dbus.FieldDestination: c.call.to,
			dbus.FieldInterface: c.call.iface, dbus.FieldMember: c.call.method} {
			if got := m.Headers[field].Value(); got != want {
				t.Errorf("%s: field %d is %v, want %v", name, field, got, want)
			}
		}
		if len(m.Body) != len(c.body) {
			t.Errorf("%s: %v, want %v", name, m.Body, c.body)
			continue
		}
		for i := range m.Body {
			if !reflect.DeepEqual(m.Body[i], c.body[i]) {
				t.Errorf("%s: %v, want %v", name, m.Body[i], c.body[i])
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "disabled:", "autolaunch:", "unix:", "unix:path=", "unix:tmpdir=/tmp", "tcp:host=localhost,port=1",
		"unix:path=/a%20b", "unix:path=/a;unix:path=/b", "unix:path=/nonexistent", "unix:abstract=/nonexistent,guid=1", "unix:runtime=yes"} {
		if c, err := dial(address); err == nil {
			syscall.Close(c.fd)
			t.Errorf("%q is connected to", address)
		}
	}
}

// answers has what the bus says come in pieces of one size, and nothing behind it.
func answers(t testing.TB, said []byte, piece int) *connection {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(pair[0]) })
	go func() {
		defer syscall.Close(pair[1])
		for len(said) > 0 {
			n, err := syscall.SendmsgN(pair[1], said[:min(piece, len(said))], nil, nil, syscall.MSG_NOSIGNAL)
			if err != nil {
				return
			}
			said = said[n:]
		}
	}()
	return &connection{fd: pair[0]}
}

func reply(t testing.TB, serial uint32, kind dbus.Type, values ...any) []byte {
	t.Helper()
	m := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(serial), dbus.FieldSender: dbus.MakeVariant(":1.1"), dbus.FieldUnixFDs: dbus.MakeVariant(uint32(0))}}
	switch kind {
	case dbus.TypeSignal:
		m.Headers[dbus.FieldPath] = dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/DBus"))
		m.Headers[dbus.FieldInterface] = dbus.MakeVariant("org.freedesktop.DBus")
		m.Headers[dbus.FieldMember] = dbus.MakeVariant("NameAcquired")
	case dbus.TypeError:
		m.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.Secret.Error.IsLocked")
	}
	if len(values) > 0 {
		m.Body = values
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(values...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func conversation(t testing.TB) []byte {
	type secret struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}
	said := []byte("OK 1234deadbeef\r\n")
	for _, m := range [][]byte{
		reply(t, hello, dbus.TypeMethodReply, ":1.5"),
		reply(t, 0, dbus.TypeSignal, ":1.5"), // NameAcquired
		reply(t, ping, dbus.TypeMethodReply),
		reply(t, openSession, dbus.TypeMethodReply, dbus.MakeVariant(""), dbus.ObjectPath("/session/s1")),
		reply(t, getSecrets, dbus.TypeMethodReply, map[dbus.ObjectPath]secret{"/item": {"/session/s1", nil, []byte("SECRET"), "text/plain"}}),
	} {
		said = append(said, m...)
	}
	return said
}

// listen hears what the whole conversation says, and returns the secret.
func listen(c *connection) (string, error) {
	if err := c.accepted(); err != nil {
		return "", err
	}
	if _, err := c.answer(ping, ""); err != nil {
		return "", err
	}
	opened, err := c.answer(openSession, "vo")
	if err != nil {
		return "", err
	}
	opened.signature()
	opened.string()
	if session := opened.string(); opened.err == nil && session != "/session/s1" {
		return "", errors.New("the session is " + session)
	}
	got, err := c.answer(getSecrets, "a{o(oayays)}")
	if err != nil {
		return "", err
	}
	value, err := got.firstSecret()
	return string(value), errors.Join(opened.err, err)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	said := conversation(t)
	for _, piece := range []int{1, 7, 100, len(said)} {
		if got, err := listen(answers(t, said, piece)); got != "SECRET" || err != nil {
			t.Errorf("in pieces of %d: %q, %v", piece, got, err)
		}
	}
	for end := range said {
		if got, err := listen(answers(t, said[:end], end+1)); err == nil {
			t.Errorf("cut at %d: %q", end, got)
		}
	}
	if none, err := (&reader{data: make([]byte, 8)}).firstSecret(); !errors.Is(err, ErrNotFound) { // an empty list
		t.Errorf("%q of no secret, %v", none, err)
	}
	for name, said := range map[string][]byte{
		"refused":                []byte("REJECTED EXTERNAL\r\n"),
		"a line without end":     bytes.Repeat([]byte("OK "), 1000),
		"the keychain is locked": append([]byte("OK 1\r\n"), reply(t, ping, dbus.TypeError)...),
		"another type":           append([]byte("OK 1\r\n"), reply(t, ping, dbus.TypeMethodReply, "pong")...),
		"too much":               []byte("OK 1\r\nl\x02\x01\x01\xff\xff\xff\x7f\x01\x00\x00\x00\xff\xff\xff\xff"),
		"the other byte order":   []byte("OK 1\r\nB\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"),
	} {
		if got, err := listen(answers(t, said, len(said))); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	said := conversation(f)
	f.Add(said)
	f.Add(said[:40])
	f.Add([]byte("OK \r\nl\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x01\xff\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, said []byte) {
		c := answers(t, said, len(said))
		listen(c)
		if cap(c.unread) > len(said)+8<<10+maxMessage {
			t.Errorf("%d bytes are held of %d", cap(c.unread), len(said))
		}
	})
}

func TestUnescape(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"/tmp/x%2fbus": "/tmp/x/bus", "/tmp/x%2Fbus": "/tmp/x/bus", "/run/bus": "/run/bus", "%41%42": "AB", "%25": "%",
		"%": "", "%4": "", "%zz": "", "x%": "", "": ""} {
		if got := unescape(value); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
}
