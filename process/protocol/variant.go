// Package protocol is what the warm answer and the core must agree on. Both take it from here, so that neither can hand out what
// the other would not.
package protocol

import (
	"crypto/sha256"
	"encoding/hex"
	"os"

	"aws-accounts/internal/place"
)

// EndpointVariables are the variables that have a session issued by another service than AWS's own, or by one that ~/.aws
// names: an emulator, a private endpoint. Endpoints of services that issue none are nobody's identity.
var EndpointVariables = []string{
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_ENDPOINT_URL_SIGNIN",
	"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
}

// Variant tells the environments apart whose sessions must never stand in for each other, nor push each other out of the
// keychain: it is part of a session's key. "" is the usual environment: AWS's own endpoints, and ~/.aws in its place.
//
// The warm answer knows no more of the environment than this. Whatever else in it shapes a session makes its plan volatile
// (see cache.Plan), and is compared there.
func Variant() string { return VariantOf(os.Getenv, place.AWSElsewhere()) }

// VariantOf is Variant for another environment, and for what of ~/.aws lies elsewhere there.
func VariantOf(getenv func(string) string, elsewhere []string) string {
	sum, usual := sha256.New(), true
	add := func(name, value string) {
		usual = false
		sum.Write([]byte(name + "=" + value + "\n"))
	}
	for _, name := range EndpointVariables {
		if value := getenv(name); value != "" {
			add(name, value)
		}
	}
	for _, path := range elsewhere { // it may name endpoints
		add("file", path)
	}
	if usual {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}
