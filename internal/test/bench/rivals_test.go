package bench

import (
	"os/exec"
	"strings"
	"testing"

	"aws-accounts/internal/test/stage"
	"aws-accounts/internal/test/standin"
)

// rival is another program that hands out a cached session.
type rival struct {
	name    string
	subject *subject
}

// findRivals returns those on PATH, each with a session in its own cache, on a keyring of its own where it uses one. One
// that doesn't work here is named, and why, and left out.
func findRivals(b *testing.B, server *standin.Server) []rival {
	var found []rival
	for _, r := range []struct {
		name    string
		prepare []string // once; nil for nothing
		command []string
	}{
		// Of plain keys, which is its best case: older ones find no stand-in when they assume a role.
		{"aws configure export-credentials", nil,
			[]string{"aws", "configure", "export-credentials", "--profile", "default", "--format", "process"}},
		{"aws-vault export", []string{"aws-vault", "add", "--env", "--no-add-config", "default"},
			[]string{"aws-vault", "export", "--format=json", "rival"}},
		{"granted credential-process", nil,
			[]string{"granted", "credential-process", "--profile", "rival"}},
	} {
		if _, err := exec.LookPath(r.command[0]); err != nil {
			continue
		}
		home := newRivalHome(b, server)
		if r.prepare != nil {
			cmd := home.Command(r.prepare[0], r.prepare[1:]...)
			cmd.Env = append(cmd.Env, server.KeyEnv(stage.User)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Logf("NOT MEASURED: %s: %v\n%s", r.name, err, out)
				continue
			}
		}
		before := server.Calls("AssumeRole")
		for range 2 {
			if _, stderr, status := home.Run(r.command[0], r.command[1:]...); status != 0 {
				b.Logf("NOT MEASURED: %s: exit status %d: %s", r.name, status, firstError(stderr))
				before = -1
				break
			}
		}
		if before < 0 {
			continue
		}
		if asked := server.Calls("AssumeRole") - before; asked > 1 {
			b.Logf("NOT MEASURED: %s: it asked AWS %d times for two calls", r.name, asked)
			continue
		}
		found = append(found, rival{r.name, &subject{every: 10,
			command: func() *exec.Cmd { return home.Command(r.command[0], r.command[1:]...) }}})
	}
	return found
}

// firstError is the line of a rival's stderr that says what is wrong, of the many that some write.
func firstError(stderr string) string {
	for line := range strings.Lines(stderr) {
		if strings.Contains(strings.ToLower(line), "error") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(stderr)
}

func newRivalHome(b *testing.B, server *standin.Server) *stage.Home {
	env := append(stage.Keyring(b).Env(), "AWS_VAULT_BACKEND=secret-service", "AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME=login",
		"GRANTED_QUIET=true", "GRANTED_DISABLE_UPDATE_CHECK=true")
	home := stage.NewHome(b, server, env...)
	home.Write(".aws/config", "[default]\nregion = eu-west-1\n\n[profile rival]\nregion = eu-west-1\nsource_profile = default\nrole_arn = "+stage.DevRole+"\n")
	home.Write(".granted/config", "DefaultBrowser = \"STDOUT\"\n\n[Keyring]\n  Backend = \"secret-service\"\n  LibSecretCollectionName = \"login\"\n")
	return home
}
