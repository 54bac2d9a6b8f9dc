// Package loopback is a small HTTP server for this machine alone: for credentials, for a link that is used once, for a
// browser that comes back from a sign-in.
//
// Invariant: what it hands out it hands to nobody from afar, and to no web page that was made to point here: a request
// comes from a loopback address and names the server as 127.0.0.1 or localhost, or its handler never sees it. Nor is another user
// of the machine heard, where the kernel says whose connection it is (see foreign); elsewhere it is for the handler to find out, by a
// secret.
//
// It reads requests itself, as net/http's server would add 0.6 MB, a thirtieth, to the program for these few lines.
package loopback

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Handler answers a request. Several run at once. ctx ends when the server is being closed, which waits for them.
type Handler func(ctx context.Context, request *http.Request) Reply

// Reply is what a request is answered with. No reply is kept by a browser or a proxy.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON is a reply with a document.
func JSON(status int, document any) Reply {
	body, err := json.Marshal(document)
	if err != nil { // none of ours can't be written
		status, body = http.StatusInternalServerError, nil
	}
	return Reply{status, http.Header{"Content-Type": {"application/json"}}, body}
}

// Refuse is a reply that says why there is no other, in the form that SDKs show.
func Refuse(status int, code, message string) Reply {
	return JSON(status, map[string]string{"code": code, "message": message})
}

// Server answers each request on a connection of its own.
type Server struct {
	listener net.Listener
	answer   Handler
	anyUser  bool
	open     sync.WaitGroup
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
}

// How long a client may take to ask, and to take the answer; how large a request may be, an authorization code in its
// address included; how many are served at once.
const (
	requestTime = time.Second
	answerTime  = 10 * time.Second
	requestSize = 64 << 10
	requests    = 64
)

// Listen answers this user and root on 127.0.0.1 at once: on any free port if port is 0.
func Listen(port uint16, answer Handler) (*Server, error) { return listen(port, answer, false) }

// ListenForAll is Listen for every user of the machine.
func ListenForAll(port uint16, answer Handler) (*Server, error) { return listen(port, answer, true) }

func listen(port uint16, answer Handler, anyUser bool) (*Server, error) {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("can't listen on port %d of 127.0.0.1: %w", port, err)
	}
	s := &Server{listener: listener, answer: answer, anyUser: anyUser}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.open.Go(s.serve)
	return s, nil
}

// Address is where the server is reached, as host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close lets the answers that are being written be finished.
func (s *Server) Close() {
	s.cancel()
	s.listener.Close()
	s.open.Wait()
}

func (s *Server) serve() {
	slots := make(chan struct{}, requests)
	for {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of files, for instance: it may pass
			select {
			case <-time.After(100 * time.Millisecond):
			case <-s.ctx.Done():
			}
			continue
		}
		if !s.anyUser && foreign(conn) { // before it takes the place of somebody else, or a byte is read
			conn.Close()
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-s.ctx.Done():
			conn.Close()
			return
		}
		s.open.Go(func() {
			defer func() { <-slots }()
			s.exchange(conn)
		})
	}
}

func (s *Server) exchange(conn net.Conn) {
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(requestTime))
	stop := context.AfterFunc(s.ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, requestSize)))
	stop()
	if err != nil {
		return // a port scanner, or a connection that a browser opened to have one
	}
	var r Reply
	switch {
	case !fromLoopback(conn.RemoteAddr().String()):
		// Packets from afar reach 127.0.0.1 where route_localnet is on (CVE-2020-8558).
		r = Refuse(http.StatusForbidden, "Forbidden", "only for this machine")
	case !s.addressed(request.Host):
		// A page in the browser whose name was made to point here (DNS rebinding).
		r = Refuse(http.StatusForbidden, "Forbidden", "not a name of this endpoint")
	default:
		r = s.answer(s.ctx, request)
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Cache-Control", "no-store")
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	conn.SetWriteDeadline(time.Now().Add(answerTime))
	response := &http.Response{
		StatusCode: r.Status, ProtoMajor: 1, ProtoMinor: 1, Close: true, Header: r.Header,
		ContentLength: int64(len(r.Body)), Body: io.NopCloser(bytes.NewReader(r.Body)),
	}
	response.Write(conn) // a client that has gone misses it
}

func (s *Server) addressed(host string) bool {
	_, own, _ := net.SplitHostPort(s.Address())
	name, port, err := net.SplitHostPort(host)
	if err != nil { // clients leave out HTTP's own port
		name, port = host, "80"
	}
	return port == own && (name == "127.0.0.1" || strings.EqualFold(name, "localhost"))
}

func fromLoopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
