package standin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault.
const (
	Reset          Kind = "reset"            // the connection is reset instead of an answer
	ResetMidAnswer Kind = "reset-mid-answer" // … after half of the answer
	Truncate       Kind = "truncate"         // half of the body, then an orderly close
	Silent         Kind = "silent"           // no answer until the client leaves
	Slow           Kind = "slow"             // the usual answer, after Delay
	Throttle       Kind = "throttle"         // the service's own "Rate exceeded"
	ServerError    Kind = "server-error"     // Status, default 503
	HTML           Kind = "html"             // a page of a proxy or captive portal, with Status, default 200
	AccessDenied   Kind = "access-denied"    // as if no policy allowed the operation
	Refusal        Kind = "refusal"          // Status, Code and Message as given
)

// Fault makes requests for an operation fail. The oldest matching fault acts.
type Fault struct {
	Operation string        `json:"operation"`          // "AssumeRole", "sts:AssumeRole", "sts:*", "*"
	Resource  string        `json:"resource,omitempty"` // pattern for the role's ARN, bucket/key, or parent/page; default all
	Kind      Kind          `json:"kind"`
	Count     int           `json:"count,omitempty"`      // so many times; 0: until cleared
	PerSecond float64       `json:"per_second,omitempty"` // only what comes faster than this, with a second's worth at once
	Chance    float64       `json:"chance,omitempty"`     // so often of those, 0 to 1, at random; 0: always
	Delay     time.Duration `json:"-"`                    // Slow; "delay": "1.5s" in JSON
	Status    int           `json:"status,omitempty"`
	Code      string        `json:"code,omitempty"`
	Message   string        `json:"message,omitempty"`

	bucket *rate.Limiter
}

// UnmarshalJSON reads delay as a Go duration.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type fields Fault
	with := struct {
		*fields
		Delay string `json:"delay"`
	}{fields: (*fields)(f)}
	if err := json.Unmarshal(data, &with); err != nil || with.Delay == "" {
		return err
	}
	var err error
	f.Delay, err = time.ParseDuration(with.Delay)
	return err
}

// Fault sets a fault and returns a function that takes it away.
func (s *Server) Fault(f Fault) (clear func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := &f
	if f.PerSecond > 0 {
		f.bucket = rate.NewLimiter(rate.Limit(f.PerSecond), int(f.PerSecond))
	}
	s.faults = append(s.faults, set)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(other *Fault) bool { return other == set })
	}
}

// ClearFaults takes all faults away. Requests that Silent holds stay held until their clients leave.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault finds the fault for a call and counts it down; s.mu is held.
func (s *Server) takeFault(c *Call) *Fault {
	for i, f := range s.faults {
		if !c.is(f.Operation) || f.Resource != "" && !matches(f.Resource, c.Resource) {
			continue
		}
		if f.bucket != nil && f.bucket.Allow() {
			continue
		}
		if f.Chance > 0 && rand.Float64() >= f.Chance {
			continue
		}
		taken := *f
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return &taken
	}
	return nil
}

// before acts where a fault replaces or delays the answer. done means that there is nothing left to write.
func (f *Fault) before(x *exchange) (instead error, done bool) {
	switch f.Kind {
	case Reset:
		x.fault(f)
		x.reset()
		return nil, true
	case Silent:
		x.fault(f)
		select {
		case <-x.r.Context().Done():
		case <-x.s.done:
		}
		panic(http.ErrAbortHandler)
	case Slow:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil, false
		case <-x.r.Context().Done():
		case <-x.s.done:
		}
		x.fault(f)
		panic(http.ErrAbortHandler)
	case Throttle:
		return fail(400, codeThrottled, ""), false
	case ServerError:
		status := f.Status
		if status == 0 {
			status = 503
		}
		return fail(status, codeInternal, ""), false
	case AccessDenied:
		return fail(403, "AccessDenied", "User: %s is not authorized to perform: %s:%s", x.callerARN(), x.service, x.operation), false
	case Refusal:
		return fail(f.Status, f.Code, "%s", f.Message), false
	}
	return nil, false
}

// after spoils an answer that has been made. done means that it has been written.
func (f *Fault) after(x *exchange, r *reply) (done bool) {
	switch f.Kind {
	case HTML:
		x.fault(f)
		status := f.Status
		if status == 0 {
			status = 200
		}
		*r = newReply(status, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head><body>Please sign in.</body></html>\n"))
	case Truncate:
		x.fault(f)
		x.writeHead(*r)
		x.w.Write(r.body[:len(r.body)/2])
		http.NewResponseController(x.w).Flush()
		panic(http.ErrAbortHandler)
	case ResetMidAnswer:
		x.fault(f)
		conn, out := x.hijack()
		fmt.Fprintf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", r.status, http.StatusText(r.status), r.header.Get("Content-Type"), len(r.body), r.body[:len(r.body)/2])
		out.Flush()
		abort(conn)
		return true
	}
	return false
}

func (x *exchange) fault(f *Fault) { x.s.outcome(x.call, "fault:"+string(f.Kind), 0, "") }

func (x *exchange) hijack() (net.Conn, *bufio.ReadWriter) {
	hijacker, ok := x.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler) // a ResponseRecorder: nothing to reset
	}
	conn, out, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn, out
}

func (x *exchange) reset() {
	conn, _ := x.hijack()
	abort(conn)
}

// abort closes with RST: the client sees "connection reset by peer", not an end of file.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// RefusedURL is an address where connections are refused for as long as the test runs: its port is taken, by the client end of
// a connection, so that nobody else can begin to listen there.
func RefusedURL(tb TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listening: %v", err)
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { conn.Close(); listener.Close() })
	return "http://" + conn.LocalAddr().String()
}
