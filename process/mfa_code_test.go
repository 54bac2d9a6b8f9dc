package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/route"
)

const serial = "arn:aws:iam::123456789012:mfa/me"

// A code with blanks in it is the one without.
func TestCodeWithBlanks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, want string }{
		{"123456", "123456"},
		{"123 456", "123456"},
		{" 12 34\t56 ", "123456"},
		{"123\u00a0456", "123456"},
		{"12345", ""},
		{"123 4567", ""},
		{"12345x", ""},
	} {
		t.Run(c.given, func(t *testing.T) {
			t.Parallel()
			a := &accounts.Account{Name: "main", MFASerial: serial}
			m := &MFA{Asker: &ask.Asker{Never: true}, Code: c.given, Now: time.Now}
			if got, _, err := m.code(t.Context(), a, "main", ""); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("--mfa-code: got %q, %v", got, err)
			}
			a.MFAProcess = "printf '%s\\n' '" + c.given + "'"
			if runtime.GOOS == "windows" { // cmd.exe has no printf, and writes other characters in its code page
				if strings.Contains(c.given, "\u00a0") {
					return
				}
				a.MFAProcess = "echo " + c.given
			}
			if got, _, err := m.code(t.Context(), a, "main", ""); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("mfa_process: got %q, %v", got, err)
			}
		})
	}
}

// A code may be typed again exactly where AWS can't have had it.
func TestCodeIsUsedWhenAWSHasHadIt(t *testing.T) {
	t.Parallel()
	refuse := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/xml")
			w.WriteHeader(status)
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>No.</Message></Error></ErrorResponse>", code)
		}
	}
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, "<html>Sign in</html>")
		}
	}
	breakOff := func(begin string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			io.WriteString(connection, begin)
			connection.(*net.TCPConn).SetLinger(0)
			connection.Close()
		}
	}
	silent := func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	first := func(once, then http.HandlerFunc) http.HandlerFunc {
		n := 0
		return func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				once(w, r)
			} else {
				then(w, r)
			}
		}
	}
	dial := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) { return nil, err }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		dial   func(context.Context, string, string) (net.Conn, error)
		used   bool
	}{
		{name: "the name isn't known", dial: dial(&net.DNSError{Err: "no such host", Name: "sts"})},
		{name: "the name server is silent", dial: dial(&net.DNSError{Err: "timeout", Name: "sts", IsTimeout: true})},
		{name: "refused", dial: dial(&net.OpError{Op: "dial", Err: io.EOF})},
		{name: "the connection is reset", answer: breakOff("")},
		{name: "… in the middle of the answer", answer: breakOff("HTTP/1.1 200 OK\r\nContent-"), used: true},
		{name: "no answer in time", answer: silent, used: true},
		{name: "no answer in time, then reset", answer: first(silent, breakOff("")), used: true},
		{name: "a captive portal", answer: page(302)},
		{name: "a firewall", answer: page(403)},
		{name: "a gateway in trouble", answer: page(502), used: true},
		{name: "half an answer", answer: page(200), used: true},
		{name: "throttled", answer: refuse(400, "Throttling")},
		{name: "in trouble, then throttled", answer: first(refuse(500, "InternalFailure"), refuse(400, "Throttling")), used: true},
		{name: "denied", answer: refuse(403, "AccessDenied"), used: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			transport := awshttp.NewBuildableClient().WithTimeout(300 * time.Millisecond)
			if c.dial != nil {
				transport = transport.WithTransportOptions(func(tr *http.Transport) { tr.DialContext = c.dial })
			}
			key := Static(aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "s"})
			cfg := aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, HTTPClient: transport, Credentials: key,
				RetryMaxAttempts: 2}
			a := &accounts.Account{Name: "main", MFASerial: serial}
			hop := &route.Hop{Account: a, Device: serial, Duration: time.Hour}
			client := (&Client{hop: hop, report: func(error) {}}).Through(func(aws.Config) aws.Config { return cfg })
			m := &MFA{Asker: &ask.Asker{Never: true}, Code: "123456", Dir: t.TempDir(), Now: time.Now}
			before := "654321"
			m.noteUsed(serial, before)

			get := func(client *Client, code string) (aws.Credentials, error) {
				return client.sessionToken(t.Context(), hop, code)
			}
			_, err := m.with(t.Context(), a, "main", client, get)
			if err == nil {
				t.Fatal("no error")
			}
			m.Code = "123456"
			_, _, err = m.code(t.Context(), a, "main", "")
			if used := err != nil && strings.Contains(err.Error(), "has been used"); used != c.used {
				t.Errorf("typed again: %v", err)
			}
			if !c.used && !m.used(serial, before) {
				t.Error("the code before it is forgotten")
			}
		})
	}
}
