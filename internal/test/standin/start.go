package standin

import (
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// TB is the part of testing.TB that is needed here; the package doesn't import testing, as a command uses it too.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// listening is the network side of a Server.
type listening struct {
	mu       sync.Mutex
	addr     string
	http     *http.Server
	handlers sync.RWMutex // read-held by each handler, so that Close can wait for all
	stop     sync.Once
}

// Start runs a stand-in on a free port of 127.0.0.1 until the test ends.
func Start(tb TB, cfg Config) *Server {
	tb.Helper()
	s := New(cfg)
	if err := s.Listen("127.0.0.1:0"); err != nil {
		tb.Fatalf("starting the stand-in AWS: %v", err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Listen serves on an address until Close or Refuse. After Refuse, addr "" is the address it had.
func (s *Server) Listen(addr string) error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if addr == "" {
		addr = s.net.addr
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.net.addr = listener.Addr().String()
	s.net.http = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
	go s.net.http.Serve(listener)
	return nil
}

// Refuse closes the listener and all connections: from now on connections are refused, until Listen("").
func (s *Server) Refuse() {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if s.net.http != nil {
		s.net.http.Close()
		s.net.http = nil
	}
}

// Close stops the stand-in and waits for its handlers.
func (s *Server) Close() {
	s.net.stop.Do(func() { close(s.done) })
	s.Refuse()
	s.net.handlers.Lock() // until the last of them is through
	defer s.net.handlers.Unlock()
}

// URL is where it listens, without a slash at the end.
func (s *Server) URL() string {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return "http://" + s.net.addr
}
