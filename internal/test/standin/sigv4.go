package standin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm   = "AWS4-HMAC-SHA256"
	amzDate     = "20060102T150405Z"
	maxSkew     = 15 * time.Minute
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	unsignedPayload  = "UNSIGNED-PAYLOAD"
	streamingSigned  = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingNoSig   = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// authorization is what a request says of its own signature, in its Authorization header or, presigned, in its query.
type authorization struct {
	keyID, day, region, service, terminator string
	signedHeaders                           []string
	signature                               string
	date                                    string // as sent, format amzDate
	token                                   string
	presigned                               bool
	expires                                 time.Duration // presigned only
}

func (a *authorization) scope() string {
	return strings.Join([]string{a.day, a.region, a.service, a.terminator}, "/")
}

// parseAuthorization returns nil when the request isn't signed at all.
func parseAuthorization(r *http.Request) (*authorization, error) {
	if r.URL.Query().Get("X-Amz-Algorithm") != "" || r.URL.Query().Get("X-Amz-Signature") != "" {
		return parsePresigned(r.URL.Query())
	}
	header := r.Header.Get("Authorization")
	if header == "" || strings.HasPrefix(header, "Bearer ") {
		return nil, nil
	}
	fields, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return nil, fail(403, "IncompleteSignature", "Authorization header requires 'Credential' parameter. Unsupported algorithm.")
	}
	a := &authorization{date: r.Header.Get("X-Amz-Date"), token: r.Header.Get("X-Amz-Security-Token")}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			if err := a.credential(value); err != nil {
				return nil, err
			}
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	if a.date == "" {
		// Only x-amz-date: a Date header may stand in for it in AWS, which no SDK does.
		return nil, fail(403, "IncompleteSignature", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	if a.keyID == "" || a.signature == "" || len(a.signedHeaders) == 0 {
		return nil, fail(403, "IncompleteSignature", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
	}
	return a, nil
}

func parsePresigned(query url.Values) (*authorization, error) {
	a := &authorization{
		presigned:     true,
		signature:     query.Get("X-Amz-Signature"),
		signedHeaders: strings.Split(query.Get("X-Amz-SignedHeaders"), ";"),
		date:          query.Get("X-Amz-Date"),
		token:         query.Get("X-Amz-Security-Token"),
	}
	if query.Get("X-Amz-Algorithm") != algorithm {
		return nil, fail(403, "IncompleteSignature", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 0 || seconds > 604800 {
		// STS presigns without X-Amz-Expires: 15 minutes, as for any other request.
		seconds = int(maxSkew / time.Second)
	}
	a.expires = time.Duration(seconds) * time.Second
	return a, a.credential(query.Get("X-Amz-Credential"))
}

func (a *authorization) credential(value string) error {
	parts := strings.Split(value, "/")
	if len(parts) != 5 {
		return fail(403, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", value)
	}
	a.keyID, a.day, a.region, a.service, a.terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

var regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-\d$`)

// checkScope refuses a signature made for another day, place or service than the request's.
func (a *authorization) checkScope(service string, now time.Time) error {
	date, err := time.Parse(amzDate, a.date)
	if err != nil {
		return fail(403, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%s'.", a.date)
	}
	if day := a.date[:8]; day != a.day {
		return fail(403, codeSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", a.day, day, a.date)
	}
	if a.terminator != "aws4_request" {
		return fail(403, codeSignature, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", a.terminator)
	}
	if a.service != service {
		return fail(403, codeSignature, "Credential should be scoped to correct service: '%s'. ", service)
	}
	if !regionPattern.MatchString(a.region) {
		return fail(403, codeSignature, "Credential should be scoped to a valid region. ")
	}
	earliest, latest := now.Add(-maxSkew), now.Add(maxSkew)
	if a.presigned {
		earliest = now.Add(-a.expires)
	}
	switch {
	case date.Before(earliest) && a.presigned && service == "s3":
		return fail(403, "AccessDenied", "Request has expired")
	case date.Before(earliest):
		return fail(403, codeSkew, "Signature expired: %s is now earlier than %s (%s - 15 min.)", a.date, earliest.Format(amzDate), now.Format(amzDate))
	case date.After(latest):
		return fail(403, codeSkew, "Signature not yet current: %s is still later than %s (%s + 15 min.)", a.date, latest.Format(amzDate), now.Format(amzDate))
	}
	return nil
}

// checkSignature recomputes the signature with the secret and compares. body is the request's body as sent.
func (a *authorization) checkSignature(r *http.Request, body []byte, secret string) error {
	if !slices.Contains(a.signedHeaders, "host") {
		return fail(403, codeSignature, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		// S3's rule, held for all: an x-amz header that isn't signed could have been added on the way.
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(a.signedHeaders, name) {
			return fail(403, "AccessDenied", "There were headers present in the request which were not signed: %s", name)
		}
	}
	payload, err := a.payloadHash(r, body)
	if err != nil {
		return err
	}
	canonical := strings.Join([]string{
		r.Method, canonicalPath(r, a.service), canonicalQuery(r.URL.RawQuery), a.canonicalHeaders(r), strings.Join(a.signedHeaders, ";"), payload,
	}, "\n")
	toSign := strings.Join([]string{algorithm, a.date, a.scope(), hexSHA256([]byte(canonical))}, "\n")
	want := hex.EncodeToString(hmacSHA256(a.signingKey(secret), toSign))
	if !hmac.Equal([]byte(want), []byte(a.signature)) {
		return fail(403, codeSignature, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// payloadHash is the last line of the canonical request. A hash that the client sends is compared with the body's own.
func (a *authorization) payloadHash(r *http.Request, body []byte) (string, error) {
	sent, actual := r.Header.Get("X-Amz-Content-Sha256"), hexSHA256(body)
	if a.service != "s3" {
		if sent != "" && sent != actual {
			return "", fail(403, codeSignature, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
		}
		return actual, nil
	}
	if sent == "" && a.presigned {
		return unsignedPayload, nil
	}
	switch sent {
	case "":
		return "", fail(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case unsignedPayload, streamingNoSig, streamingSigned, streamingTrailer:
		return sent, nil
	case actual:
		return actual, nil
	}
	return "", fail(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

func (a *authorization) signingKey(secret string) []byte {
	key := hmacSHA256([]byte("AWS4"+secret), a.day)
	for _, part := range []string{a.region, a.service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return key
}

var blanks = regexp.MustCompile(` +`)

func (a *authorization) canonicalHeaders(r *http.Request) string {
	var lines bytes.Buffer
	for _, name := range a.signedHeaders {
		values := slices.Clone(r.Header.Values(name))
		switch name { // what net/http takes out of the header
		case "host":
			values = []string{r.Host}
		case "transfer-encoding":
			values = r.TransferEncoding
		case "content-length":
			values = []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		for i, value := range values {
			values[i] = blanks.ReplaceAllString(strings.TrimSpace(value), " ")
		}
		fmt.Fprintf(&lines, "%s:%s\n", name, strings.Join(values, ","))
	}
	return lines.String()
}

// canonicalPath is encoded once for S3, where a key may hold anything, and twice for every other service.
func canonicalPath(r *http.Request, service string) string {
	sent, _, _ := strings.Cut(r.RequestURI, "?")
	if i := strings.Index(sent, "://"); i >= 0 { // absolute form, as through a proxy
		sent = r.URL.EscapedPath()
	}
	if sent == "" {
		sent = "/"
	}
	if service != "s3" {
		return uriEncode(sent, true)
	}
	decoded, err := url.PathUnescape(sent)
	if err != nil {
		return sent
	}
	return uriEncode(decoded, true)
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, value = unescapeQuery(key), unescapeQuery(value)
		if key != "X-Amz-Signature" {
			pairs = append(pairs, [2]string{uriEncode(key, false), uriEncode(value, false)})
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	lines := make([]string, len(pairs))
	for i, pair := range pairs {
		lines[i] = pair[0] + "=" + pair[1]
	}
	return strings.Join(lines, "&")
}

func unescapeQuery(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// uriEncode is AWS's: everything but the unreserved characters of RFC 3986, in upper case hex.
func uriEncode(s string, keepSlash bool) string {
	var out strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 || c == '/' && keepSlash {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, data string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(data))
	return mac.Sum(nil)
}
