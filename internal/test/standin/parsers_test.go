package standin

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTOTP(t *testing.T) {
	secret := []byte("12345678901234567890") // RFC 6238, appendix B, last six digits
	for second, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := totp(secret, second/30); got != want {
			t.Errorf("at %d: %s, want %s", second, got, want)
		}
	}
	d := mfaDevice{key: secret}
	now := time.Unix(1_000_000_000, 0)
	first := d.code(now)
	if !d.accept(first, now) || d.accept(first, now) {
		t.Error("a code must be good once")
	}
	second := d.code(now)
	if !d.accept(second, now) {
		t.Error("the next step's code is good, too")
	}
	if d.accept(totp(d.key, now.Unix()/30-1), now) {
		t.Error("an older code than the last was taken")
	}
}

func TestKeyIDNamesItsAccount(t *testing.T) {
	id := newKeyID("AKIA", "123456789012")
	raw, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || len(id) != 20 {
		t.Fatal(id, err)
	}
	var number uint64
	for _, b := range raw[:6] {
		number = number<<8 | uint64(b)
	}
	if got := fmt.Sprintf("%012d", number&0x7fffffffff80>>7); got != "123456789012" {
		t.Errorf("%s decodes to %s", id, got)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{{"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"", "a", false}, {"sts:*", "sts:AssumeRole", true}} {
		if got := matches(c.pattern, c.s); got != c.want {
			t.Errorf("matches(%q, %q) is %v", c.pattern, c.s, got)
		}
	}
}

// FuzzChunks: whatever comes in, no panic, and never more out than in.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"))
	f.Add([]byte("7fffffff\r\n"))
	f.Add([]byte("0\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := chunks{auth: &authorization{}, rest: body}
		if out, err := c.decode(http.Header{}); err == nil && len(out) > len(body) {
			t.Errorf("%d bytes of %d", len(out), len(body))
		}
	})
}

// FuzzAuthorization: no panic on a malformed header, and what is taken is whole.
func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20260101T000000Z")
	f.Add("AWS4-HMAC-SHA256 Credential=", "")
	f.Fuzz(func(t *testing.T, header, date string) {
		r := &http.Request{Method: "GET", Header: http.Header{"Authorization": {header}, "X-Amz-Date": {date}}}
		r.URL = mustURL(t, "http://127.0.0.1/")
		a, err := parseAuthorization(r)
		if err != nil || a == nil {
			return
		}
		if a.keyID == "" || a.signature == "" || strings.Count(a.scope(), "/") != 3 {
			t.Errorf("%q gave %+v", header, a)
		}
		a.checkScope("sts", time.Unix(0, 0))
		a.checkSignature(r, nil, "x")
	})
}

// FuzzTrust: a policy that is understood says the same after being written and read again.
func FuzzTrust(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:root"]},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Principal":"*","Action":["sts:*"],"Condition":{"StringLike":{"aws:RequestTag/team":"*"}}}}`)
	f.Fuzz(func(t *testing.T, document string) {
		trust, err := parseTrust(document)
		if err != nil || trust.WebIdentity != nil || len(trust.Principals) == 0 {
			return
		}
		once := trust.document("aws")
		again, err := parseTrust(once)
		if err != nil {
			t.Fatalf("%s\nbecame %s: %v", document, once, err)
		}
		if twice := again.document("aws"); !sameJSON(once, twice) {
			t.Errorf("%s\nbecame %s", once, twice)
		}
	})
}

func sameJSON(a, b string) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, []byte(a)) == nil && json.Compact(&y, []byte(b)) == nil && x.String() == y.String()
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
