package process

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"

	"aws-accounts/internal/awslogin"
	"aws-accounts/internal/hint"
)

// The next steps of several cases.
const (
	checkNetwork = "check the network and the proxy (HTTPS_PROXY), then try again"
	TrustProxy   = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to its CA certificate" // where IsCertificate
	notAWS       = "check the network: one that wants a sign-in first, a firewall or a proxy may answer in AWS's place"
	askProxy     = "ask who runs the proxy to let AWS through, or correct HTTPS_PROXY"
	nameToProxy  = "put the name and password for the proxy into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT"
)

// unanswered is for what isn't an answer of AWS's: there is none, or somebody else answers.
func (v Verdict) unanswered() error {
	err, name, at := v.err, v.Name, host(v.err)
	text, next := Plain(err), v.doctor()
	switch response := Answer(err); {
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		text, next = "AWS didn't answer in time", checkNetwork
	case errors.Is(err, context.Canceled):
		text, next = "called off", "try again"
	case IsCertificate(err):
		text, next = fmt.Sprintf("the certificate of %s isn't trusted", at), TrustProxy
	case at != "":
		text, next = unreachable(err, at)
	case is[*processcreds.ProviderError](err):
		text = fmt.Sprintf("the credential_process of profile %q, which everything begins with, failed: %s",
			v.base.Way().Profile, text)
		next = fmt.Sprintf("`aws sts get-caller-identity --profile %s` shows what it says", v.profile())
	case response != nil:
		text, next = foreign(response, text)
	case isSignedOut(err):
		name, text, next = cmp.Or(v.base.Name, name), v.signedOut(), v.signIn()
	case strings.Contains(err.Error(), "missing permissions for the CreateOAuth2Token action"): // logincreds
		text = fmt.Sprintf("profile %s may not use its sign-in: signin:CreateOAuth2Token is denied", v.profile())
		next = "ask an administrator for AWS's policy SignInLocalDevelopmentAccess"
	}
	return hint.New(&Refusal{message: name + ": " + text, RequestID: requestID(err), cause: unsecret(err)}, "%s", next)
}

// foreign is for an answer that isn't in AWS's form, as of a captive portal, a firewall or a proxy.
func foreign(response *http.Response, text string) (said, next string) {
	from, code := "it", fmt.Sprintf("HTTP %d", response.StatusCode)
	if response.Request != nil {
		from = response.Request.URL.Host
	}
	switch status := response.StatusCode; {
	case status < 300:
		return fmt.Sprintf("what answered isn't AWS, or was cut off: %s: %s", from, text), notAWS
	case status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("the proxy %s wants a name and password (%s)", proxyOf("http"), code), nameToProxy
	case status >= 500 && status != http.StatusNetworkAuthenticationRequired:
		return fmt.Sprintf("AWS, or a proxy on the way to it, has trouble: %s from %s", code, from), tryLater
	}
	if to, err := response.Location(); err == nil && to.Host != "" {
		code += " to " + to.Host
	}
	return fmt.Sprintf("what answered isn't AWS: %s from %s", code, from), notAWS
}

// unreachable says what keeps a call from the host at which it went to.
func unreachable(err error, at string) (said, next string) {
	call, _ := errors.AsType[*url.Error](err)
	text := call.Err.Error()
	dns, isName := errors.AsType[*net.DNSError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case strings.Contains(text, "invalid proxy address"): // Go quotes the address, which may hold a password
		return "HTTPS_PROXY or HTTP_PROXY is no address of a proxy", "write it as http://HOST:PORT"
	case isOp && op.Op == "proxyconnect":
		return fmt.Sprintf("can't reach %s: the proxy doesn't answer: %s", at, Plain(op)), checkNetwork
	case isName:
		text = "the name " + dns.Name + " isn't known"
	case isOp:
		text = op.Err.Error()
	case refusesTunnel(call):
		proxy := proxyOf("https")
		if text == http.StatusText(http.StatusProxyAuthRequired) {
			return fmt.Sprintf("the proxy %s wants a name and password: %s", proxy, text), nameToProxy
		}
		return fmt.Sprintf("the proxy %s doesn't let the call through to %s: %s", proxy, at, oneLine(text)), askProxy
	}
	return fmt.Sprintf("can't reach %s: %s", at, oneLine(text)), checkNetwork
}

// refusesTunnel reports whether a proxy has answered CONNECT with an error: Go's is the bare text of the status.
func refusesTunnel(call *url.Error) bool {
	cut := call.Err == io.EOF || call.Err == io.ErrUnexpectedEOF
	bare := errors.Unwrap(call.Err) == nil && !strings.Contains(call.Err.Error(), ": ")
	return bare && !cut && strings.HasPrefix(call.URL, "https:") && proxyOf("https") != ""
}

// proxyOf is the host of the proxy that the environment names for a scheme, without the name and password for it.
func proxyOf(scheme string) string {
	address := cmp.Or(os.Getenv(strings.ToUpper(scheme)+"_PROXY"), os.Getenv(scheme+"_proxy"))
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return ""
}

// isSignedOut reports whether a profile's sign-in is missing or over. Most of the SDK's errors for that have no types.
// A file that can't be read would be in the way of another sign-in, too.
func isSignedOut(err error) bool {
	texts := []string{
		"failed to read cached SSO token file", "failed to parse cached SSO token file", "cached SSO token must contain",
		"cached SSO token is expired", "load login token: ", "validate login token: ", "please reauthenticate",
	}
	said := slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(err.Error(), text) })
	return (said || is[*ssocreds.InvalidTokenError](err) || errors.Is(err, awslogin.ErrSignedOut)) && !errors.Is(err, fs.ErrPermission)
}

// is reports whether an error in err's chain has the type.
func is[T error](err error) bool { _, ok := errors.AsType[T](err); return ok }

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// IsCertificate reports whether the certificate of who answered isn't trusted.
func IsCertificate(err error) bool {
	return is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err)
}

// host returns where the failed call went, or "" if err isn't one of the network.
func host(err error) string {
	if call, ok := errors.AsType[*url.Error](err); ok {
		if u, err := url.Parse(call.URL); err == nil {
			return u.Host
		}
	}
	return ""
}

// unsecret keeps what is asked of a cause later: its kind. Its text may quote what a credential process wrote.
func unsecret(err error) error {
	for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}
