package standin

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Call is one request, from its arrival on.
type Call struct {
	Time      time.Time `json:"time"` // by the world's clock
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	// Outcome is "ok", an error code of AWS's, "fault:KIND", or "" while it is being answered.
	Outcome   string     `json:"outcome"`
	Status    int        `json:"status,omitempty"`
	Message   string     `json:"message,omitempty"`   // of an error
	Principal string     `json:"principal,omitempty"` // ARN
	AccessKey string     `json:"access_key,omitempty"`
	Region    string     `json:"region,omitempty"`   // that it is signed for
	Host      string     `json:"host,omitempty"`     // that it was sent to, as the client names it
	Resource  string     `json:"resource,omitempty"` // role ARN, bucket/key
	UserAgent string     `json:"user_agent,omitempty"`
	RequestID string     `json:"request_id"`
	Params    url.Values `json:"params,omitempty"` // of query operations
}

// is says whether the call matches "AssumeRole", "sts:AssumeRole" or "sts:*".
func (c *Call) is(operation string) bool {
	service, name, ok := strings.Cut(operation, ":")
	if !ok {
		service, name = "*", operation
	}
	return matches(service, c.Service) && matches(name, c.Operation)
}

// Calls counts the requests for an operation ("AssumeRole", "sts:AssumeRole", "sts:*", "*"), whatever came of them.
func (s *Server) Calls(operation string) int { return s.CallsWith(operation, "*") }

// CallsWith counts those with an outcome, see [Call]; it is a pattern.
func (s *Server) CallsWith(operation, outcome string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.countCalls(operation, outcome)
}

func (s *Server) countCalls(operation, outcome string) int {
	n := 0
	for _, c := range s.calls {
		if c.is(operation) && matches(outcome, c.Outcome) {
			n++
		}
	}
	return n
}

// Log is a copy of all requests so far, in the order of their arrival.
func (s *Server) Log() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := make([]Call, len(s.calls))
	for i, c := range s.calls {
		log[i] = *c
	}
	return log
}

// ResetCalls forgets the requests so far.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// WaitCalls returns once an operation has been asked for n times, answered or not; it is how a test waits for a request that
// is being held by a fault.
func (s *Server) WaitCalls(ctx context.Context, operation string, n int) error {
	for {
		s.mu.Lock()
		have, changed := s.countCalls(operation, "*"), s.changed
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d calls of %s, saw %d: %w", n, operation, have, ctx.Err())
		}
	}
}

// record logs the arrival of a call and finds its fault, in one step: a test that has waited for the call can clear the fault
// without letting the call off.
func (s *Server) record(c *Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	close(s.changed)
	s.changed = make(chan struct{})
	return s.takeFault(c)
}

func (s *Server) outcome(c *Call, outcome string, status int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Outcome == "" {
		c.Outcome, c.Status, c.Message = outcome, status, message
	}
}
