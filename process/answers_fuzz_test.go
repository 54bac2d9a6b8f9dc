package process

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
)

// answering is a client of STS that gets this answer to whatever it asks.
type answering struct {
	status int
	body   []byte
}

func (a answering) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}, nil
}

// Whatever STS answers, or what stands in its place: a whole set of credentials, or an error of one line with a next step.
func FuzzAnswers(f *testing.F) {
	const good = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>` +
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2026-11-22T12:00:00Z</Expiration></Credentials>` +
		`<AssumedRoleUser><AssumedRoleId>x:y</AssumedRoleId><Arn>arn:aws:sts::987654321098:assumed-role/Admin/y</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>`
	const refused = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/me is not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>`
	f.Add(200, []byte(good))
	f.Add(200, []byte(good[:len(good)/2]))
	f.Add(200, []byte(strings.Replace(good, "<SessionToken>t</SessionToken>", "", 1)))
	f.Add(200, []byte(strings.Replace(good, "2026-11-22T12:00:00Z", "0000-00-00", 1)))
	f.Add(200, []byte("<html>Sign in</html>"))
	f.Add(403, []byte(refused))
	f.Add(403, []byte(strings.Replace(refused, "is not", "\u202e\x1b[2J\n", 1)))
	f.Add(400, []byte(strings.Replace(refused, "AccessDenied", "ValidationError", 1)))
	f.Add(400, []byte(strings.Replace(refused, "User: ", "x"+strings.Repeat("é", 300), 1)))
	f.Add(503, []byte{})
	a := &explained.Accounts[1]
	hop := &route.Hop{Account: a, RoleARN: a.RoleARN, SessionName: "me", Duration: time.Hour}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c := &Client{report: func(error) {}, sts: sts.New(sts.Options{Region: "eu-west-1", HTTPClient: answering{status, body}, Retryer: aws.NopRetryer{},
			Credentials: aws.AnonymousCredentials{}})}
		got, err := c.AssumeRole(t.Context(), hop, route.FromKey, "")
		if err == nil {
			if got.AccessKeyID == "" || got.SecretAccessKey == "" || got.SessionToken == "" || !got.CanExpire {
				t.Error("half a set of credentials")
			}
			return
		}
		err = Explain(err, a)
		if text := err.Error(); strings.ContainsAny(text, "\n\r") || hint.Of(err) == "" || !strings.HasPrefix(text, "dev: ") {
			t.Errorf("%q, hint %q", text, hint.Of(err))
		}
		if text := err.Error(); !utf8.ValidString(text) && utf8.Valid(body) {
			t.Errorf("a character was cut: %q", text)
		}
	})
}
