package cache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A session that was good when the refresh began isn't handed out if it is over when the refresh has failed: a laptop may have
// slept in between.
func TestSleptThroughARefresh(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	s.want(t, p, 1, time.Hour)
	s.pass(50 * time.Minute)
	p.Plan = func() (Plan, error) {
		return Plan{Fingerprint: "f", Fetch: func(context.Context, bool) (aws.Credentials, error) {
			s.pass(8 * time.Hour)
			return aws.Credentials{}, errors.New("no network")
		}}, nil
	}
	if _, err := p.Retrieve(t.Context()); err == nil {
		t.Error("an expired session was handed out")
	}
}

// A clock that is set back before the session was issued doesn't make it last longer than it says.
func TestClockSetBack(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	c, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.pass(-24 * time.Hour)
	again, err := p.Retrieve(t.Context())
	if err != nil || again.Expires.After(c.Expires) {
		t.Errorf("%v, until %s instead of %s", err, again.Expires, c.Expires)
	}
}
