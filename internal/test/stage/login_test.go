package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
)

// A profile that `aws login` has signed in is a base like any other; without a sign-in the failure says so.
func TestAWSLoginIsABase(t *testing.T) {
	t.Parallel()
	const session = "arn:aws:iam::123456789012:user/alice"
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Write(".aws/credentials", "")
	h.Write(".aws/config", "[profile work]\nlogin_session = "+session+"\nregion = eu-west-1\n")
	h.Accounts(`{"accounts": [
		{"name": "main", "account_id": "123456789012", "credentials": {"profile": "work"}},
		{"name": "dev", "role_arn": "` + DevRole + `"}
	]}`)

	out, errs, status := h.Run("aws-accounts", "process", "dev")
	if out != "" || status != 1 || !strings.Contains(errs, "\nhint: ") {
		t.Errorf("not signed in: exit %d, %q, %q", status, out, errs)
	}

	path, err := logincreds.StandardCachedTokenFilepath(session, filepath.Join(h.Dir, ".aws", "login", "cache"))
	if err != nil {
		t.Fatal(err)
	}
	id, secret, token := aws.Issue(MachineRole, "login")
	h.Write(strings.TrimPrefix(path, h.Dir+string(os.PathSeparator)), fmt.Sprintf(
		`{"accessToken": {"accessKeyId": %q, "secretAccessKey": %q, "sessionToken": %q, "accountId": "123456789012", "expiresAt": %q},
		  "tokenType": "aws_sigv4", "refreshToken": "r", "identityToken": "i", "clientId": "c", "dpopKey": "k"}`,
		id, secret, token, time.Now().Add(15*time.Minute).UTC().Format(time.RFC3339)))
	if out := h.MustRun("aws-accounts", "whoami", "main"); !strings.Contains(out, "assumed-role/Machine/login") {
		t.Errorf("main is\n%s", out)
	}
	if out := h.MustRun("aws-accounts", "process", "dev"); !strings.Contains(out, `"AccountId":"987654321098"`) {
		t.Error("dev has no credentials")
	}
}
