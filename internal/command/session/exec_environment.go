package session

import (
	"runtime"
	"slices"
	"strings"

	"aws-accounts/internal/private"
)

// variable is one of a process's environment.
type variable struct{ name, value string }

// given are the variables that this program sets, in `exec` and in `env`.
var given = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_ACCOUNTS_NAME",
}

// rivals are the variables that would have an SDK take other credentials than ours. What only says how to talk to AWS
// (AWS_CA_BUNDLE, AWS_ENDPOINT_URL_…, AWS_RETRY_MODE, AWS_PAGER, AWS_CONFIG_FILE) stays as it is, as does the region of
// whoever runs us where the account names none.
var rivals = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SDK_LOAD_CONFIG", "AWS_CREDENTIAL_FILE",
	"AWS_SECURITY_TOKEN", "AWS_SESSION_EXPIRATION", // older names of SESSION_TOKEN and CREDENTIAL_EXPIRATION
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", // of Java and Ruby
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_BEARER_TOKEN_BEDROCK",
}

// rivalPrefixes catch those that are still to come.
var rivalPrefixes = []string{"AWS_CONTAINER_", "AWS_BEARER_TOKEN_"}

// childEnvironment returns parent without all that gives or selects credentials, and with the variables set.
func childEnvironment(parent []string, variables []variable) []string {
	unwanted := slices.Concat(given, rivals, private.Variables)
	for _, v := range variables {
		unwanted = append(unwanted, v.name)
	}
	var environment []string
	for _, entry := range parent {
		name := variableName(entry)
		if slices.Contains(unwanted, name) || slices.ContainsFunc(rivalPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		environment = append(environment, entry)
	}
	for _, v := range variables {
		environment = append(environment, v.name+"="+v.value)
	}
	return environment
}

// variableName is an entry's name. On Windows case makes no difference, and names such as "=C:" begin with the sign.
func variableName(entry string) string {
	name := entry
	if i := strings.IndexByte(entry, '='); i > 0 {
		name = entry[:i]
	}
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	return name
}
