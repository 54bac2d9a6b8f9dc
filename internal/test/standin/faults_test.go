package standin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

func TestFaults(t *testing.T) {
	who := func(t *testing.T, s *standin.Server) error {
		_, err := stsOf(s, "me").GetCallerIdentity(bounded(t), nil)
		return err
	}
	contains := func(text string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("got %v, want …%s…", err, text)
			}
		}
	}
	for name, test := range map[string]struct {
		fault standin.Fault
		check func(*testing.T, error)
	}{
		"throttle": {standin.Fault{Kind: standin.Throttle}, func(t *testing.T, err error) { wantCode(t, err, "Throttling", "Rate exceeded") }},
		"5xx":      {standin.Fault{Kind: standin.ServerError}, contains("StatusCode: 503")},
		"500":      {standin.Fault{Kind: standin.ServerError, Status: 500}, func(t *testing.T, err error) { wantCode(t, err, "InternalFailure", "") }},
		"reset": {standin.Fault{Kind: standin.Reset}, func(t *testing.T, err error) {
			if !errors.Is(err, connectionReset) && !errors.Is(err, io.EOF) {
				t.Errorf("got %v", err)
			}
		}},
		"reset mid": {standin.Fault{Kind: standin.ResetMidAnswer}, contains("")},
		"truncate":  {standin.Fault{Kind: standin.Truncate}, contains("unexpected EOF")},
		"html":      {standin.Fault{Kind: standin.HTML}, contains("")},
		"access denied": {standin.Fault{Kind: standin.AccessDenied}, func(t *testing.T, err error) {
			wantCode(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/me is not authorized to perform: sts:GetCallerIdentity")
		}},
		"refusal": {standin.Fault{Kind: standin.Refusal, Status: 400, Code: "Strange", Message: "thing"}, func(t *testing.T, err error) { wantCode(t, err, "Strange", "thing") }},
		"slow": {standin.Fault{Kind: standin.Slow, Delay: time.Millisecond}, func(t *testing.T, err error) {
			if err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := standin.Start(t, world())
			test.fault.Operation, test.fault.Count = "GetCallerIdentity", 1
			s.Fault(test.fault)
			test.check(t, who(t, s))
			if err := who(t, s); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

// TestSilent: a held request costs nothing once its client has left.
func TestSilent(t *testing.T) {
	for _, fault := range []standin.Fault{{Kind: standin.Silent}, {Kind: standin.Slow, Delay: time.Hour}} {
		s := standin.Start(t, world())
		fault.Operation = "sts:*"
		clear := s.Fault(fault)
		ctx, cancel := context.WithCancel(bounded(t))
		ended := make(chan error, 1)
		client := stsOf(s, "me")
		go func() {
			_, err := client.GetCallerIdentity(ctx, nil)
			ended <- err
		}()
		if err := s.WaitCalls(bounded(t), "GetCallerIdentity", 1); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		clear()
		if _, err := client.GetCallerIdentity(bounded(t), nil); err != nil {
			t.Error(err)
		}
		s.Close() // hangs if the handler does
		if n := s.CallsWith("GetCallerIdentity", "fault:"+string(fault.Kind)); n != 1 {
			t.Errorf("%s: logged %+v", fault.Kind, s.Log())
		}
	}
}

func TestRefusedConnections(t *testing.T) {
	s := standin.Start(t, world())
	ask := func(url string) error {
		answer, err := http.Get(url)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	s.Refuse()
	for _, url := range []string{s.URL(), standin.RefusedURL(t)} {
		if err := ask(url); !errors.Is(err, connectionRefused) {
			t.Errorf("%s: got %v", url, err)
		}
	}
	if err := s.Listen(""); err != nil {
		t.Fatal(err)
	}
	if err := ask(s.URL()); err != nil {
		t.Error(err)
	}
}

func TestClockOffset(t *testing.T) {
	s := standin.Start(t, world())
	s.SetClockOffset(time.Hour)
	_, err := stsOf(s, "me").GetCallerIdentity(bounded(t), nil)
	wantCode(t, err, "SignatureDoesNotMatch", "")
	_, err = s3Of(userConfig(s, "me")).ListBuckets(bounded(t), nil)
	wantCode(t, err, "RequestTimeTooSkewed", "")
	answer, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if at, err := http.ParseTime(answer.Header.Get("Date")); err != nil || at.Before(time.Now().Add(50*time.Minute)) {
		t.Errorf("Date is %s", answer.Header.Get("Date"))
	}
}

func TestFaultOfOneRole(t *testing.T) {
	s := standin.Start(t, world())
	s.Fault(standin.Fault{Operation: "AssumeRole", Resource: "*role/Tag*", Kind: standin.Throttle})
	client := stsOf(s, "me")
	if _, err := assume(s, client, t, adminRole); err != nil {
		t.Error(err)
	}
	_, err := assume(s, client, t, "Tagged")
	wantCode(t, err, "Throttling", "")
}

func TestControl(t *testing.T) {
	s := standin.Start(t, world())
	control := func(method, path, body string) string {
		r, _ := http.NewRequestWithContext(bounded(t), method, s.URL()+"/_standin/"+path, strings.NewReader(body))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode >= 300 {
			t.Errorf("%s %s: %d %s", method, path, answer.StatusCode, text)
		}
		return string(text)
	}
	control("POST", "faults", `{"operation": "GetCallerIdentity", "kind": "throttle", "delay": "1ms", "count": 1}`)
	client := stsOf(s, "me")
	client.GetCallerIdentity(bounded(t), nil)
	if _, err := client.GetCallerIdentity(bounded(t), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	var counts map[string]map[string]int
	if err := json.Unmarshal([]byte(control("GET", "counts", "")), &counts); err != nil || counts["sts:GetCallerIdentity"]["ok"] != 1 || counts["sts:GetCallerIdentity"]["Throttling"] != 1 {
		t.Errorf("%v %v", counts, err)
	}
	control("POST", "clock?offset=1h", "")
	control("DELETE", "faults", "")
	control("DELETE", "calls", "")
	control("POST", "roles", `{"arn": "`+adminRole+`", "trust": {}}`)
	if got := control("GET", "calls", ""); got != "[]\n" {
		t.Errorf("calls: %s", got)
	}
	if until := time.Until(s.Now()); until < 59*time.Minute {
		t.Errorf("the clock is %s ahead", until)
	}
}
