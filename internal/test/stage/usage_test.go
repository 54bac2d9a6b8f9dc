package stage

import (
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// Whoever types a command wrong is told so by the exit status, too, and nothing is done or written to standard output.
func TestWrongUsageExitsTwo(t *testing.T) {
	t.Parallel()
	h := NewHome(t, standin.Start(t, World()), FileKeychain()...)
	h.Accounts(`{"accounts": [
		{"name": "main", "account_id": "123456789012"}, {"name": "other", "credentials": {"keychain": true}},
		{"name": "dev", "source": "main", "role_arn": "` + DevRole + `"}, {"name": "deep", "source": "dev", "role_arn": "` + ProdRole + `"},
		{"name": "audit", "account_id": "987654321098", "sso": {"session": "corp", "role_name": "ReadOnly"}}],
		"sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"},
			{"name": "lab", "start_url": "https://lab.awsapps.com/start", "region": "eu-west-1"}]}`)
	for _, line := range []string{
		"lst", "dev", "keys", "process", "process a b", "--nope", "whoami dev --nope", "assume dev -p main", "assume dev --duration=5x",
		"assume audit --duration=1h", "assume --no-input", "exec dev", "exec", "env dev --shell=rc", "env dev --json --dotenv",
		"env --unset --json", "console dev --region=cn-north-1", "console dev --service=//x", "console deep --duration=1h", "serve dev --port=x",
		"status --format={{.Nope}}", "clear", "clear --all dev", "log --since=x", "completion tcsh", "list --active --expired",
		"keys rotate --no-input extra more", "keychain move", "keychain move --to=shoebox",
		"sso login", "sso logout", "sso login --region=eu-west-1", "sso login --start-url=x --region=eu-west-1", "role create", "add --no-input",
		"edit --duration=1h", "add new --role-arn=" + DevRole,
	} {
		stdout, stderr, status := h.Run("aws-accounts", strings.Fields(line)...)
		if status != 2 || stdout != "" || !strings.HasPrefix(stderr, "aws-accounts: ") || strings.Count(stderr, "\nhint: ") != 1 {
			t.Errorf("%s: exit %d\n%s%s", line, status, stdout, stderr)
		}
	}
}
