package standin

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
)

// apiError is a refusal as AWS words it, before it is known in which service's dress it goes out.
type apiError struct {
	status  int
	code    string
	message string
	extra   map[string]string // further members of a JSON error
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// Refusals that each protocol names in its own way, see apiError.in.
const (
	codeSignature    = "SignatureDoesNotMatch"
	codeSkew         = "(skew)"
	codeUnknownKey   = "(unknown key)"
	codeInvalidToken = "(invalid token)"
	codeExpired      = "(expired)"
	codeUnsigned     = "(unsigned)"
	codeThrottled    = "(throttled)"
	codeInternal     = "(internal)"
)

type protocol int

const (
	plain  protocol = iota // metadata, federation: bare statuses
	query                  // STS, IAM: form in, XML out
	s3xml                  // S3
	json11                 // Organizations, DynamoDB
	portal                 // Identity Center's portal
	oidc                   // Identity Center's OIDC
	oauth                  // the console's sign-in: clients go by the member "error"
)

const (
	invalidToken = "The security token included in the request is invalid"
	expiredToken = "The security token included in the request is expired"
	rateExceeded = "Rate exceeded"
	internal     = "We encountered an internal error. Please try again."
)

// wording has, for each refusal, how each protocol says it. Where one is absent, query's is taken.
var wording = map[string]map[protocol]*apiError{
	codeSignature: {
		s3xml:  fail(403, codeSignature, "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
		json11: {status: 400, code: "InvalidSignatureException"},
	},
	codeSkew: {
		query:  {status: 403, code: codeSignature},
		s3xml:  fail(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
		json11: {status: 400, code: "InvalidSignatureException"},
	},
	codeUnknownKey: {
		query:  fail(403, "InvalidClientTokenId", invalidToken),
		s3xml:  fail(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
		json11: fail(400, "UnrecognizedClientException", invalidToken+"."),
	},
	codeInvalidToken: {
		query:  fail(403, "InvalidClientTokenId", invalidToken),
		s3xml:  fail(400, "InvalidToken", "The provided token is malformed or otherwise invalid."),
		json11: fail(400, "UnrecognizedClientException", invalidToken+"."),
	},
	codeExpired: {
		query:  fail(403, "ExpiredToken", expiredToken),
		s3xml:  fail(400, "ExpiredToken", "The provided token has expired."),
		json11: fail(400, "ExpiredTokenException", expiredToken),
		portal: fail(401, "UnauthorizedException", "Session token not found or invalid"),
	},
	codeUnsigned: {
		query:  fail(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
		s3xml:  fail(403, "AccessDenied", "Access Denied"),
		json11: fail(400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"),
	},
	codeThrottled: {
		query:  fail(400, "Throttling", rateExceeded),
		s3xml:  fail(503, "SlowDown", "Please reduce your request rate."),
		json11: fail(400, "ThrottlingException", rateExceeded),
		portal: fail(429, "TooManyRequestsException", "HTTP 429 Unknown Code"),
		oidc:   fail(400, "SlowDownException", ""),
		plain:  fail(429, "TooManyRequests", "Too Many Requests"),
		oauth:  consoleRefusal(429, "TooManyRequestsError", "rate_exceeded"),
	},
	codeInternal: {
		query:  fail(500, "InternalFailure", internal),
		s3xml:  fail(500, "InternalError", internal),
		json11: fail(500, "InternalFailure", internal),
		portal: fail(500, "InternalServerException", internal),
		oidc:   fail(500, "InternalServerException", internal),
		oauth:  consoleRefusal(500, "InternalServerException", "server_error"),
	},
}

func (e *apiError) in(p protocol) *apiError {
	words, ok := wording[e.code]
	if !ok {
		return e
	}
	w := words[p]
	if w == nil {
		w = words[query]
	}
	if w == nil {
		return e
	}
	said := *w
	if said.message == "" && e.message != "" {
		said.message = e.message
	}
	if e.status >= 500 && said.status >= 500 {
		said.status = e.status
	}
	return &said
}

// reply is an answer, ready to be written.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func newReply(status int, contentType string, body []byte) reply {
	return reply{status, http.Header{"Content-Type": {contentType}}, body}
}

func jsonReply(status int, contentType string, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own structs
	}
	return newReply(status, contentType, body)
}

func marshalXML(v any) []byte {
	body, err := xml.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append([]byte(xml.Header), body...)
}

// reply dresses the error for a protocol.
func (e *apiError) reply(x *exchange) reply {
	kind := "Sender"
	if e.status >= 500 {
		kind = "Receiver"
	}
	switch x.protocol {
	case query:
		return newReply(e.status, "text/xml", marshalXML(struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Namespace string   `xml:"xmlns,attr"`
			Type      string   `xml:"Error>Type"`
			Code      string   `xml:"Error>Code"`
			Message   string   `xml:"Error>Message"`
			RequestID string   `xml:"RequestId"`
		}{Namespace: namespaces[x.service], Type: kind, Code: e.code, Message: e.message, RequestID: x.requestID}))
	case s3xml:
		return newReply(e.status, "application/xml", marshalXML(struct {
			XMLName                                    xml.Name `xml:"Error"`
			Code, Message, Resource, RequestId, HostId string
		}{Code: e.code, Message: e.message, Resource: x.r.URL.Path, RequestId: x.requestID, HostId: x.requestID}))
	case json11:
		return jsonReply(e.status, "application/x-amz-json-1.1", e.members("com.amazonaws."+x.service+"#", "Message"))
	case portal:
		r := jsonReply(e.status, "application/json", e.members("com.amazonaws.switchboard.portal#", "message"))
		r.header.Set("X-Amzn-Errortype", e.code)
		return r
	case oidc:
		r := jsonReply(e.status, "application/json", map[string]string{"error": oauthCodes[e.code], "error_description": e.message})
		r.header.Set("X-Amzn-Errortype", e.code+":http://internal.amazon.com/coral/com.amazonaws.sso.oidc/")
		return r
	case oauth:
		r := jsonReply(e.status, "application/json", map[string]string{"error": e.extra["error"], "message": e.message})
		r.header.Set("X-Amzn-Errortype", e.code)
		return r
	}
	return newReply(e.status, "text/plain", []byte(e.message+"\n"))
}

func (e *apiError) members(namespace, message string) map[string]string {
	m := map[string]string{"__type": namespace + e.code, message: e.message}
	for name, value := range e.extra {
		m[name] = value
	}
	return m
}

var namespaces = map[string]string{
	"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
	"iam": "https://iam.amazonaws.com/doc/2010-05-08/",
}

// queryReply wraps the result of a query operation: OPResponse > OPResult, ResponseMetadata > RequestId.
func (x *exchange) queryReply(result any) reply {
	var inner []byte
	if result != nil {
		inner = xmlElement(x.operation+"Result", result)
	}
	return newReply(200, "text/xml", marshalXML(struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    string `xml:",innerxml"`
	}{
		XMLName:   xml.Name{Local: x.operation + "Response"},
		Namespace: namespaces[x.service],
		Result:    string(inner) + "<ResponseMetadata><RequestId>" + x.requestID + "</RequestId></ResponseMetadata>",
	}))
}

func xmlElement(name string, v any) []byte {
	var out bytes.Buffer
	if err := xml.NewEncoder(&out).EncodeElement(v, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
		panic(err)
	}
	return out.Bytes()
}
