package standin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"strconv"
	"strings"
)

// decodePayload is the object in an S3 request's body: unwrapped from aws-chunked, its chunk signatures and checksums verified.
func (a *authorization) decodePayload(r *http.Request, body []byte, secret string) ([]byte, error) {
	mode, checksums := r.Header.Get("X-Amz-Content-Sha256"), r.Header.Clone()
	if strings.HasPrefix(mode, "STREAMING-") {
		var err error
		c := chunks{auth: a, signed: mode != streamingNoSig, previous: a.signature, rest: body}
		if c.signed {
			c.key = a.signingKey(secret)
		}
		if body, err = c.decode(checksums); err != nil {
			return nil, err
		}
		if n := r.Header.Get("X-Amz-Decoded-Content-Length"); n != strconv.Itoa(len(body)) {
			return nil, fail(400, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
		}
	}
	return body, checkChecksums(checksums, body)
}

// chunks reads SIZE[;chunk-signature=HEX]CRLF DATA CRLF … 0 CRLF [trailer: value CRLF …] CRLF.
type chunks struct {
	auth     *authorization
	signed   bool
	key      []byte
	previous string
	rest     []byte
}

var errChunk = fail(400, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")

func (c *chunks) decode(trailers http.Header) ([]byte, error) {
	var object []byte
	for {
		line, rest, ok := bytes.Cut(c.rest, []byte("\r\n"))
		if !ok {
			return nil, errChunk
		}
		head, extension, _ := strings.Cut(string(line), ";")
		size, err := strconv.ParseUint(head, 16, 31)
		if err != nil || int(size) > len(rest) {
			return nil, errChunk
		}
		data := rest[:size]
		c.rest = rest[size:]
		if c.signed {
			signature, _ := strings.CutPrefix(extension, "chunk-signature=")
			if err := c.check("AWS4-HMAC-SHA256-PAYLOAD", emptySHA256+"\n"+hexSHA256(data), signature); err != nil {
				return nil, err
			}
		}
		if size == 0 {
			return object, c.trailers(trailers)
		}
		object = append(object, data...)
		if c.rest, ok = bytes.CutPrefix(c.rest, []byte("\r\n")); !ok {
			return nil, errChunk
		}
	}
}

func (c *chunks) check(kind, hashes, signature string) error {
	toSign := strings.Join([]string{kind, c.auth.date, c.auth.scope(), c.previous, hashes}, "\n")
	if want := hex.EncodeToString(hmacSHA256(c.key, toSign)); !hmac.Equal([]byte(want), []byte(signature)) {
		return fail(403, codeSignature, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
	}
	c.previous = signature
	return nil
}

func (c *chunks) trailers(into http.Header) error {
	var canonical strings.Builder
	signature := ""
	for line := range strings.SplitSeq(string(c.rest), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value); name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		canonical.WriteString(name + ":" + value + "\n")
		into.Set(name, value)
	}
	if c.signed && canonical.Len() > 0 {
		return c.check("AWS4-HMAC-SHA256-TRAILER", hexSHA256([]byte(canonical.String())), signature)
	}
	return nil
}

var checksumAlgorithms = map[string]func() hash.Hash{
	"X-Amz-Checksum-Crc32":     func() hash.Hash { return crc32.NewIEEE() },
	"X-Amz-Checksum-Crc32c":    func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"X-Amz-Checksum-Crc64nvme": func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) },
	"X-Amz-Checksum-Sha1":      sha1.New,
	"X-Amz-Checksum-Sha256":    sha256.New,
}

func checkChecksums(header http.Header, object []byte) error {
	for name, algorithm := range checksumAlgorithms {
		sent := header.Get(name)
		if sent == "" {
			continue
		}
		h := algorithm()
		h.Write(object)
		if base64.StdEncoding.EncodeToString(h.Sum(nil)) != sent {
			return fail(400, "BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(strings.TrimPrefix(name, "X-Amz-Checksum-")))
		}
	}
	return nil
}
