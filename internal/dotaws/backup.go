package dotaws

import "aws-accounts/internal/pattern"

// secretSetting is a line that holds a secret, with the indented lines that botocore reads as the rest of its value.
var secretSetting = pattern.New(`(?im)^[ \t]*(aws_secret_access_key|aws_session_token|aws_security_token)[ \t]*[=:][^\r\n]*(?:\r?\n[ \t]+[^\r\n]*)*`)

// withoutSecrets is the content of ~/.aws/config as a copy of it may be kept: nobody would look there for a key that has been
// taken out of the file itself.
func withoutSecrets(config []byte) []byte {
	return secretSetting().ReplaceAll(config, []byte("# $1 is not kept in this copy"))
}
