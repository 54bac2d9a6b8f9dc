package item

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"aws-accounts/internal/note"
)

// FromSecretService returns the data of key's item from the Secret Service on the session bus at address, if a note in notes
// says where it lies: https://specifications.freedesktop.org/secret-service/latest/. Any error means that somebody else has
// to look: the item has gone or moved, the keychain is locked, the bus is one that isn't understood here.
//
// A D-Bus library needs seven waits for what takes three, since D-Bus lets a client say at once what depends on no answer, as
// sd-bus does (https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol), and twice the time. So the calls are
// spelled here. They have no time limit: internal/nodbus shuts the socket of a bus that doesn't answer.
//
// The ping is for gnome-keyring-daemon. It learns of a new client in one step of its main loop and answers in another, which
// GLib may take first, and then it aborts, locking all that the user had unlocked: once in 4,000 clients that begin with
// OpenSession right away, in 15,000 that wait for Hello before, in 80,000 that have been answered once.
func FromSecretService(address, notes, key string) ([]byte, error) {
	var path string
	if !note.Read(notes, PlaceNote(key), &path) || !strings.HasPrefix(path, itemPaths) {
		return nil, ErrNotFound
	}
	bus, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(bus.fd)

	user := hex.EncodeToString([]byte(strconv.Itoa(os.Getuid())))
	greeting := []byte("\x00AUTH EXTERNAL " + user + "\r\nBEGIN\r\n")
	greeting = append(greeting, call{serial: hello, to: "org.freedesktop.DBus", path: "/org/freedesktop/DBus",
		iface: "org.freedesktop.DBus", method: "Hello"}.encode()...)
	greeting = append(greeting, call{serial: ping, to: secrets, path: servicePath,
		iface: "org.freedesktop.DBus.Peer", method: "Ping"}.encode()...)
	if err := bus.write(greeting); err != nil {
		return nil, err
	}
	if err := bus.accepted(); err != nil {
		return nil, err
	}
	if _, err := bus.answer(ping, ""); err != nil {
		return nil, err
	}
	var plain body
	plain.string("plain") // the bus is the user's own
	plain.signature("s")
	plain.string("")
	err = bus.write(call{serial: openSession, to: secrets, path: servicePath,
		iface: "org.freedesktop.Secret.Service", method: "OpenSession", signature: "sv", body: plain}.encode())
	if err != nil {
		return nil, err
	}
	opened, err := bus.answer(openSession, "vo")
	if err != nil {
		return nil, err
	}
	opened.signature() // of the variant, which is an empty string
	opened.string()
	session := opened.string()
	if opened.err != nil {
		return nil, opened.err
	}
	// Not GetSecret of the item: to find that among a thousand takes GNOME's daemon twice as long.
	err = bus.write(call{serial: getSecrets, to: secrets, path: servicePath,
		iface: "org.freedesktop.Secret.Service", method: "GetSecrets", signature: "aoo", body: onePath(path, session)}.encode())
	if err != nil {
		return nil, err
	}
	found, err := bus.answer(getSecrets, "a{o(oayays)}")
	if err != nil {
		return nil, err
	}
	value, err := found.firstSecret()
	if err != nil {
		return nil, err
	}
	i, err := Parse(value)
	switch {
	case err != nil:
		return nil, err
	case i.Key != key: // another item has this place by now
		return nil, ErrNotFound
	}
	return i.Data, nil
}

// PlaceNote returns the name of the note of where the item of a key lies, "" for those of which none is kept.
func PlaceNote(key string) string {
	_, name, session := strings.Cut(key, "/"+SessionPrefix)
	if !session {
		return ""
	}
	return strings.ReplaceAll(name, "/", "=") + ".item"
}

const (
	secrets     = "org.freedesktop.secrets"
	servicePath = "/org/freedesktop/secrets"
	itemPaths   = servicePath + "/collection/"

	hello, ping, openSession, getSecrets = 1, 2, 3, 4 // serials

	maxMessage = 4 << 20
)

var errProtocol = errors.New("the session bus says what is not understood")

// connection is one to the session bus, on a socket that blocks.
type connection struct {
	fd     int
	unread []byte
}

// dial connects to an address as most systems have it: one socket.
func dial(address string) (*connection, error) {
	address, _, more := strings.Cut(address, ";")
	transport, options, _ := strings.Cut(address, ":")
	kind, name, _ := strings.Cut(strings.Split(options, ",")[0], "=")
	name = unescape(name)
	switch {
	case more || transport != "unix" || name == "":
		return nil, ErrUnavailable
	case kind == "abstract":
		name = "@" + name
	case kind != "path":
		return nil, ErrUnavailable
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// A bus that takes no connections keeps us waiting, and isn't seen by nodbus yet. This is its Patience; importing it has effects.
	limit := syscall.Timeval{Sec: 5}
	if err = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit); err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: name})
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return &connection{fd: fd}, nil
}

// unescape replaces %2f and the like, as a bus's address may have any byte, and is "" for what is none.
func unescape(value string) string {
	var plain []byte
	for value != "" {
		before, rest, escaped := strings.Cut(value, "%")
		plain = append(plain, before...)
		if !escaped {
			break
		}
		b, err := hex.DecodeString(rest[:min(2, len(rest))])
		if err != nil || len(b) != 1 {
			return ""
		}
		plain, value = append(plain, b...), rest[2:]
	}
	return string(plain)
}

func (c *connection) write(data []byte) error {
	for len(data) > 0 {
		n, err := syscall.Write(c.fd, data)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

func (c *connection) read(n int) error {
	for len(c.unread) < n {
		if cap(c.unread) == len(c.unread) {
			c.unread = append(make([]byte, 0, max(n, 8<<10)), c.unread...)
		}
		got, err := syscall.Read(c.fd, c.unread[len(c.unread):cap(c.unread)])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case got == 0:
			return errors.New("the session bus hung up")
		}
		c.unread = c.unread[:len(c.unread)+max(got, 0)]
	}
	return nil
}

// accepted reads the bus's answer to AUTH: "OK", its ID, and the end of the line.
func (c *connection) accepted() error {
	const longest = 200
	for len(c.unread) < longest {
		if err := c.read(len(c.unread) + 1); err != nil {
			return err
		}
		line, rest, whole := bytes.Cut(c.unread, []byte("\r\n"))
		switch {
		case whole && bytes.HasPrefix(line, []byte("OK ")):
			c.unread = rest
			return nil
		case whole:
			return ErrUnavailable
		}
	}
	return errProtocol
}

// answer returns the body of the answer to the call of that serial. What else comes meanwhile is nobody's.
func (c *connection) answer(serial uint32, signature string) (*reader, error) {
	for {
		m, err := c.message()
		switch {
		case err != nil:
			return nil, err
		case m.answers != serial:
		case m.kind != methodReturn:
			return nil, ErrUnavailable
		case m.signature != signature:
			return nil, errProtocol
		default:
			return &reader{data: m.body}, nil
		}
	}
}

// The kinds of a message and the fields of its header, as the specification numbers them.
const (
	methodCall, methodReturn = 1, 2

	fieldPath, fieldInterface, fieldMember, fieldAnswers, fieldDestination, fieldSignature = 1, 2, 3, 5, 6, 8

	fixedHeader = 16 // bytes: order, kind, flags, version, and the sizes of body and fields around the serial
)

type message struct {
	kind      byte
	answers   uint32
	signature string
	body      []byte
}

func (c *connection) message() (m message, err error) {
	if err := c.read(fixedHeader); err != nil {
		return m, err
	}
	head := c.unread[:fixedHeader]
	size, fields := uint64(binary.LittleEndian.Uint32(head[4:])), uint64(binary.LittleEndian.Uint32(head[12:]))
	begin := (fixedHeader + fields + 7) &^ 7
	if head[0] != 'l' || begin+size > maxMessage {
		return m, errProtocol
	}
	if err := c.read(int(begin + size)); err != nil {
		return m, err
	}
	m = message{kind: c.unread[1], body: c.unread[begin : begin+size]}
	r := &reader{data: c.unread[:fixedHeader+fields], at: fixedHeader}
	c.unread = c.unread[begin+size:]
	for r.err == nil && r.at < len(r.data) {
		r.align(8)
		field, kind := r.byte(), r.signature()
		switch {
		case field == fieldAnswers && kind == "u":
			m.answers = r.uint32()
		case field == fieldSignature && kind == "g":
			m.signature = r.signature()
		case kind == "u":
			r.uint32()
		case kind == "g":
			r.signature()
		case kind == "s" || kind == "o":
			r.string()
		default:
			return m, errProtocol
		}
	}
	return m, r.err
}

type call struct {
	serial                  uint32
	to, path, iface, method string
	signature               string
	body                    body
}

func (c call) encode() []byte {
	var m body
	m = append(m, 'l', methodCall, 0, 1)
	m.uint32(uint32(len(c.body)))
	m.uint32(c.serial)
	m.uint32(0) // the size of the fields
	field := func(number byte, kind, value string) {
		m.align(8)
		m = append(m, number)
		m.signature(kind)
		if kind == "g" {
			m.signature(value)
		} else {
			m.string(value)
		}
	}
	field(fieldPath, "o", c.path)
	field(fieldDestination, "s", c.to)
	field(fieldInterface, "s", c.iface)
	field(fieldMember, "s", c.method)
	if c.signature != "" {
		field(fieldSignature, "g", c.signature)
	}
	binary.LittleEndian.PutUint32(m[12:], uint32(len(m)-fixedHeader))
	m.align(8)
	return append(m, c.body...)
}

// body is what D-Bus's values are written to.
type body []byte

func (b *body) align(n int) {
	for len(*b)%n != 0 {
		*b = append(*b, 0)
	}
}

func (b *body) uint32(v uint32) {
	b.align(4)
	*b = binary.LittleEndian.AppendUint32(*b, v)
}

func (b *body) string(s string) { // or an object path
	b.uint32(uint32(len(s)))
	*b = append(append(*b, s...), 0)
}

func (b *body) signature(s string) {
	*b = append(append(append(*b, byte(len(s))), s...), 0)
}

// onePath is a list of paths that holds one, and a session's.
func onePath(path, session string) (b body) {
	b.uint32(uint32(4 + len(path) + 1)) // bytes of the list
	b.string(path)
	b.string(session)
	return b
}

// firstSecret is the value of the first secret of those by path, ErrNotFound if there is none: it has gone, or is locked.
func (r *reader) firstSecret() ([]byte, error) {
	size := r.uint32()
	r.align(8)
	if r.err == nil && size == 0 {
		return nil, ErrNotFound
	}
	r.string() // its path
	r.align(8)
	r.string() // the session
	r.bytes()  // its parameters: none
	return r.bytes(), r.err
}

// reader reads D-Bus's values. Behind its first error it reads zeros.
type reader struct {
	data []byte
	at   int
	err  error
}

func (r *reader) next(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.data)-r.at) {
		r.err = errProtocol
		return nil
	}
	r.at += int(n)
	return r.data[r.at-int(n) : r.at]
}

func (r *reader) align(n int) { r.next(uint64(-r.at & (n - 1))) }

func (r *reader) byte() byte {
	if b := r.next(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	r.align(4)
	if b := r.next(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) bytes() []byte { return r.next(uint64(r.uint32())) }

func (r *reader) string() string { // or an object path
	s := string(r.bytes())
	r.byte()
	return s
}

func (r *reader) signature() string {
	s := string(r.next(uint64(r.byte())))
	r.byte()
	return s
}
