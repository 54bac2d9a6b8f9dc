package standin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

// ask sends a GetCallerIdentity that the SDK's signer signed, after tamper has been at it. It returns status and body.
func ask(t *testing.T, s *standin.Server, key standin.AccessKey, at time.Time, scope [2]string, tamper func(*http.Request)) (int, string) {
	t.Helper()
	body := "Action=GetCallerIdentity&Version=2011-06-15"
	r, err := http.NewRequestWithContext(bounded(t), "POST", s.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Meta", "one   two")
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, hex.EncodeToString(sum[:]), scope[0], scope[1], at); err != nil {
		t.Fatal(err)
	}
	if tamper != nil {
		tamper(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

func TestTampering(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	cfg := world()
	cfg.Clock = manual(now)
	s := standin.Start(t, cfg)
	key := s.Key("me")
	mismatch := "<Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated"
	for name, test := range map[string]struct {
		at     time.Time
		scope  [2]string
		key    standin.AccessKey
		tamper func(*http.Request)
		want   string // "" is success
	}{
		"untouched":         {},
		"header changed":    {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Meta", "one three") }, want: mismatch},
		"header added":      {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Extra", "x") }, want: "headers present in the request which were not signed: x-amz-extra"},
		"header removed":    {tamper: func(r *http.Request) { r.Header.Del("X-Amz-Meta") }, want: mismatch},
		"blanks folded":     {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Meta", "one two") }},
		"body changed":      {tamper: func(r *http.Request) { setBody(r, "Action=GetCallerIdentity&Version=2011-06-15&x=y") }, want: mismatch},
		"path changed":      {tamper: func(r *http.Request) { r.URL.Path = "/x" }, want: mismatch},
		"query added":       {tamper: func(r *http.Request) { r.URL.RawQuery = "x=y" }, want: mismatch},
		"host changed":      {tamper: func(r *http.Request) { r.Host = "sts.amazonaws.com" }, want: mismatch},
		"token added":       {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, want: "<Code>InvalidClientTokenId</Code>"},
		"date changed":      {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260203T040507Z") }, want: mismatch},
		"unsigned":          {tamper: func(r *http.Request) { r.Header.Del("Authorization") }, want: "<Code>MissingAuthenticationToken</Code>"},
		"other algorithm":   {tamper: func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA1 x") }, want: "<Code>IncompleteSignature</Code>"},
		"wrong secret":      {key: standin.AccessKey{ID: key.ID, Secret: "wrong"}, want: mismatch},
		"wrong key":         {key: standin.AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: key.Secret}, want: "<Code>InvalidClientTokenId</Code>"},
		"15 minutes late":   {at: now.Add(-15 * time.Minute)},
		"too late":          {at: now.Add(-901 * time.Second), want: "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20260203T035005Z is now earlier than 20260203T035006Z (20260203T040506Z - 15 min.)</Message>"},
		"15 minutes early":  {at: now.Add(15 * time.Minute)},
		"too early":         {at: now.Add(901 * time.Second), want: "Signature not yet current: 20260203T042007Z is still later than 20260203T042006Z (20260203T040506Z + 15 min.)"},
		"another service":   {scope: [2]string{"iam", "eu-west-1"}, want: "Credential should be scoped to correct service: &#39;sts&#39;."},
		"no region":         {scope: [2]string{"sts", "nowhere"}, want: "Credential should be scoped to a valid region."},
		"another partition": {scope: [2]string{"sts", "cn-north-1"}, want: "<Code>InvalidClientTokenId</Code>"},
		"another day": {tamper: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20260203/", "/20260202/", 1))
		}, want: "Date in Credential scope does not match YYYYMMDD"},
		"host unsigned": {tamper: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";host;", ";", 1))
		}, want: "&#39;Host&#39; must be a &#39;SignedHeader&#39;"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.at.IsZero() {
				test.at = now
			}
			if test.scope == [2]string{} {
				test.scope = [2]string{"sts", "eu-west-1"}
			}
			if test.key.ID == "" {
				test.key = key
			}
			status, body := ask(t, s, test.key, test.at, test.scope, test.tamper)
			if test.want == "" && status != 200 || test.want != "" && (status != 403 || !strings.Contains(body, test.want)) {
				t.Errorf("got %d %s\nwant %q", status, body, test.want)
			}
		})
	}
	s.SetKeyActive(key.ID, false)
	if status, body := ask(t, s, key, now, [2]string{"sts", "eu-west-1"}, nil); status != 403 || !strings.Contains(body, "InvalidClientTokenId") {
		t.Errorf("an inactive key: %d %s", status, body)
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength, r.GetBody = io.NopCloser(strings.NewReader(body)), int64(len(body)), nil
}

func TestSessionTokens(t *testing.T) {
	s := standin.Start(t, world())
	id, secret, token := s.Issue(adminRole, "tester")
	who := func(id, secret, token string) error {
		_, err := sts.NewFromConfig(config(s, id, secret, token)).GetCallerIdentity(bounded(t), nil)
		return err
	}
	if err := who(id, secret, token); err != nil {
		t.Fatal(err)
	}
	_, _, other := s.Issue(adminRole, "other")
	wantCode(t, who(id, secret, ""), "InvalidClientTokenId", "The security token included in the request is invalid")
	wantCode(t, who(id, secret, other), "InvalidClientTokenId", "")
	wantCode(t, who(id, secret, token[:len(token)-1]), "InvalidClientTokenId", "")
}

func TestExpiry(t *testing.T) {
	cfg := world()
	cfg.Clock = manual(time.Now().Add(-time.Hour - time.Minute))
	s := standin.Start(t, cfg)
	id, secret, token := s.Issue(adminRole, "tester") // an hour from the world's time: expired a minute ago
	s.SetClockOffset(time.Hour)                       // a minute behind us: within the skew
	if _, err := sts.NewFromConfig(config(s, id, secret, token)).GetCallerIdentity(bounded(t), nil); err == nil {
		t.Error("an expired session was accepted")
	} else {
		wantCode(t, err, "ExpiredToken", "The security token included in the request is expired")
	}
	_, err := s3Of(config(s, id, secret, token)).ListBuckets(bounded(t), nil)
	wantCode(t, err, "ExpiredToken", "The provided token has expired.")
}

func s3Of(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
}

func TestS3(t *testing.T) {
	s := standin.Start(t, world())
	client := s3Of(userConfig(s, "me"))
	buckets, err := client.ListBuckets(bounded(t), nil)
	if err != nil || len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != "main-bucket" {
		t.Fatalf("%v %v", buckets, err)
	}
	bucket := aws.String("main-bucket")
	content := strings.Repeat("0123456789abcdef", 10_000)
	// Keys that tell single from double encoding, and encoding from none.
	keys := []string{"plain", "a b/c+d/é%20&=?#;", "tilde~(x)'*!/:@", "dots/./../x", "a//b", "ünïcode/世界"}
	for _, key := range keys {
		for name, body := range map[string]io.Reader{
			"seekable":   strings.NewReader(content),
			"unseekable": io.LimitReader(strings.NewReader(content), 1<<30),
		} {
			in := &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: body}
			var options []func(*s3.Options)
			if name == "unseekable" {
				in.ContentLength = aws.Int64(int64(len(content)))
				options = append(options, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
			}
			if _, err := client.PutObject(bounded(t), in, options...); err != nil {
				if name == "unseekable" && strings.Contains(err.Error(), "unseekable stream is not supported without TLS") {
					continue // the SDK's trailing checksums want TLS: see TestStreaming
				}
				t.Errorf("putting %q, %s: %v", key, name, err)
			}
		}
		got, err := client.GetObject(bounded(t), &s3.GetObjectInput{Bucket: bucket, Key: &key})
		if err != nil {
			t.Errorf("getting %q: %v", key, err)
			continue
		}
		if data, _ := io.ReadAll(got.Body); string(data) != content {
			t.Errorf("%q: got %d bytes, want %d", key, len(data), len(content))
		}
		got.Body.Close()
	}
	head, err := client.HeadObject(bounded(t), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("plain")})
	if err != nil || *head.ContentLength != int64(len(content)) {
		t.Errorf("%v %v", head, err)
	}
	var listed []string
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			listed = append(listed, *o.Key)
		}
	}
	if len(listed) != len(keys) {
		t.Errorf("listed %q", listed)
	}
	_, err = client.HeadBucket(bounded(t), &s3.HeadBucketInput{Bucket: aws.String("dev-bucket")})
	wantCode(t, err, "Forbidden", "")
	_, err = client.GetObject(bounded(t), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("absent")})
	wantCode(t, err, "NoSuchKey", "")

	presigned, err := s3.NewPresignClient(client).PresignGetObject(bounded(t), &s3.GetObjectInput{Bucket: bucket, Key: &keys[1]})
	if err != nil {
		t.Fatal(err)
	}
	for want, address := range map[int]string{200: presigned.URL, 403: strings.Replace(presigned.URL, "X-Amz-Expires=900", "X-Amz-Expires=901", 1)} {
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("presigned: %d, want %d", answer.StatusCode, want)
		}
	}
}

// TestStreaming sends what SDKs send over TLS: aws-chunked with a trailing checksum.
func TestStreaming(t *testing.T) {
	s := standin.Start(t, world())
	key := s.Key("me")
	crc := "DUoRhQ==" // CRC32 of "hello world"
	for name, test := range map[string]struct {
		body, decoded string
		want          int
	}{
		"good":           {"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "11", 200},
		"two chunks":     {"6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "11", 200},
		"changed":        {"b\r\nhello WORLD\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "11", 400},
		"short":          {"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:" + crc + "\r\n\r\n", "12", 400},
		"cut off":        {"b\r\nhello", "11", 400},
		"not chunked":    {"hello world", "11", 400},
		"a size too big": {"ffffffff\r\nhello world\r\n0\r\n\r\n", "11", 400},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequestWithContext(bounded(t), "PUT", s.URL()+"/main-bucket/streamed", strings.NewReader(test.body))
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			r.Header.Set("X-Amz-Decoded-Content-Length", test.decoded)
			r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32")
			r.Header.Set("Content-Encoding", "aws-chunked")
			sign(t, r, key, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != test.want {
				text, _ := io.ReadAll(answer.Body)
				t.Errorf("%d %s, want %d", answer.StatusCode, text, test.want)
			}
		})
	}
}

func sign(t *testing.T, r *http.Request, key standin.AccessKey, payload string) {
	t.Helper()
	err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}, r, payload, "s3", "eu-west-1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

// TestSignedChunks follows the SDK's own chunk signer.
func TestSignedChunks(t *testing.T) {
	s := standin.Start(t, world())
	key := s.Key("me")
	send := func(change func([]byte) []byte) int {
		r, _ := http.NewRequestWithContext(bounded(t), "PUT", s.URL()+"/main-bucket/signed", nil)
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
		r.Header.Set("X-Amz-Decoded-Content-Length", "11")
		sign(t, r, key, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
		at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		seed, _ := hex.DecodeString(r.Header.Get("Authorization")[strings.LastIndex(r.Header.Get("Authorization"), "=")+1:])
		body := signedChunks(t, key, seed, at, "hello ", "world", "")
		body = change(body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := send(func(b []byte) []byte { return b }); status != 200 {
		t.Errorf("status %d", status)
	}
	if status := send(func(b []byte) []byte { return bytes.Replace(b, []byte("world"), []byte("World"), 1) }); status != 403 {
		t.Errorf("a changed chunk: status %d", status)
	}
}

// signedChunks is written from AWS's description of chunk signatures, apart from the verifier.
func signedChunks(t *testing.T, key standin.AccessKey, seed []byte, at time.Time, parts ...string) []byte {
	t.Helper()
	var body bytes.Buffer
	previous := hex.EncodeToString(seed)
	signing := []byte("AWS4" + key.Secret)
	for _, part := range []string{at.Format("20060102"), "eu-west-1", "s3", "aws4_request"} {
		signing = mac(signing, part)
	}
	for _, part := range parts {
		empty, sum := sha256.Sum256(nil), sha256.Sum256([]byte(part))
		toSign := fmt.Sprintf("AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s/eu-west-1/s3/aws4_request\n%s\n%x\n%x", at.Format("20060102T150405Z"), at.Format("20060102"), previous, empty, sum)
		previous = hex.EncodeToString(mac(signing, toSign))
		fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s\r\n", len(part), previous, part)
	}
	return body.Bytes()
}

func TestPresignedIdentity(t *testing.T) {
	s := standin.Start(t, world())
	request, err := sts.NewPresignClient(stsOf(s, "me")).PresignGetCallerIdentity(bounded(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := url.Parse(request.URL)
	answer, err := http.Get(address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 || !bytes.Contains(text, []byte("user/me")) {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
}
