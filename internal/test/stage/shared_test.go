package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const teamAccounts = `{
  "accounts": [
    {"name": "main", "account_id": "123456789012"},
    {"name": "dev", "role_arn": "` + DevRole + `"}
  ]
}`

// A team's file in a git checkout or on a share: what is changed there is used at once, the session of before is not, and
// when it is gone its last good version is.
func TestSharedFile(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	checkout := filepath.Join(h.Dir, "team", "accounts.json")
	if err := os.Mkdir(filepath.Dir(checkout), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, checkout, teamAccounts)
	h.Accounts(`{"accounts_from": {"file": "~/team/accounts.json"}, "accounts": []}`)

	for range 2 {
		if stdout, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 || !document.MatchString(stdout) {
			t.Fatalf("exit %d, %s", status, stderr)
		}
	}
	if n := aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d AssumeRole calls", n)
	}
	write(t, checkout, strings.Replace(teamAccounts, DevRole+`"`, DevRole+`", "session_name": "another"`, 1))
	if _, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 {
		t.Fatal(stderr)
	}
	if n := aws.Calls("AssumeRole"); n != 2 {
		t.Errorf("%d AssumeRole calls after the shared file changed", n)
	}
	if err := os.RemoveAll(filepath.Dir(checkout)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 || stderr != "" {
		t.Fatal(stderr)
	}
	if n := aws.Calls("AssumeRole"); n != 2 {
		t.Errorf("%d AssumeRole calls after the shared file has gone", n)
	}
	if _, stderr, _ := h.Run("aws-accounts", "list"); !strings.Contains(stderr, "warning: ~/team/accounts.json: no such file or directory; the last good version is used") {
		t.Errorf("list says %q", stderr)
	}
	if stdout, _, _ := h.Run("aws-accounts", "validate"); !strings.Contains(stdout, "the last good version is used") {
		t.Errorf("validate says %q", stdout)
	}
	if _, stderr, status := h.Run("aws-accounts", "remove", "dev", "--yes"); status != 1 || !strings.Contains(stderr, "only read") {
		t.Errorf("exit %d, %s", status, stderr)
	}
	if stdout, stderr, status := h.Run("aws-accounts", "setup"); status != 0 || !strings.Contains(stdout, "[profile dev]") {
		t.Errorf("exit %d, %s%s", status, stdout, stderr)
	}
	if stdout, _, _ := h.Run("aws-accounts", "complete", "bash", "--", "process", ""); stdout != "main\ndev\n" {
		t.Errorf("completes %q", stdout)
	}
}

// A team's file that isn't the one that was pinned: nothing of it is used, and everybody hears of it who looks.
func TestSharedFileOfAnother(t *testing.T) {
	t.Parallel()
	h := NewHome(t, startStageAWS(t, ""), FileKeychain()...)
	write(t, filepath.Join(h.Dir, "team.json"), teamAccounts)
	h.Accounts(`{"accounts_from": {"file": "~/team.json", "sha256": "` + strings.Repeat("0", 64) + `"},
		"accounts": [{"name": "mine", "role_arn": "` + DevRole + `"}]}`)
	const says = "~/team.json has another checksum than the accounts file says"
	if stdout, stderr, status := h.Run("aws-accounts", "process", "mine"); status != 0 || !document.MatchString(stdout) || stderr != "" {
		t.Errorf("exit %d, stderr %q", status, stderr)
	}
	if log := h.MustRun("aws-accounts", "log"); !strings.Contains(log, says) {
		t.Errorf("the log says %q", log)
	}
	if _, stderr, status := h.Run("aws-accounts", "assume", "mine"); status != 0 || !strings.Contains(stderr, "warning: "+says) {
		t.Errorf("exit %d, stderr %q", status, stderr)
	}
	if stdout, _, status := h.Run("aws-accounts", "doctor"); status != 1 || !strings.Contains(stdout, "FAIL "+says) {
		t.Errorf("exit %d\n%s", status, stdout)
	}
	if _, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 1 || !strings.Contains(stderr, `no account "dev"`) {
		t.Errorf("exit %d, stderr %q", status, stderr)
	}
}

// A team's file behind an address: signed, fetched by one command and by no other, and never exchanged for anything worse.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))

	var content atomic.Value
	content.Store(teamAccounts)
	var requests atomic.Int32
	signedAt := time.Now()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		switch body := content.Load().(string); {
		case body == "":
			http.Error(w, "bad day", http.StatusBadGateway)
		case strings.HasSuffix(r.URL.Path, ".minisig"):
			comment := fmt.Sprintf("timestamp:%d\tfile:accounts.json\thashed", signedAt.Unix()) // as minisign -Sm accounts.json
			w.Write(minisign.SignWithComments(private, []byte(teamAccounts), comment, ""))
		default:
			w.Write([]byte(body))
		}
	}))
	defer web.Close()
	h.Accounts(`{"accounts_from": {"url": "` + web.URL + `/accounts.json", "public_key": "` + lines[len(lines)-1] + `"}, "accounts": []}`)

	if _, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 1 || !strings.Contains(stderr, "aws-accounts sync shared") {
		t.Errorf("before it is fetched: exit %d, %s", status, stderr)
	}
	if stdout, stderr, status := h.Run("aws-accounts", "sync", "shared"); status != 0 || !strings.Contains(stdout, "  + main\n  + dev\nnext: `aws-accounts setup`") {
		t.Fatalf("exit %d, %s%s", status, stdout, stderr)
	}
	fetched := requests.Load()
	for range 2 {
		if stdout, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 || !document.MatchString(stdout) {
			t.Fatalf("exit %d, %s", status, stderr)
		}
	}
	if stdout, _, status := h.Run("aws-accounts", "sync", "shared", "--if-older-than=1h"); status != 0 || stdout != "" {
		t.Errorf("younger than an hour: exit %d, %q", status, stdout)
	}
	if n := requests.Load(); n != fetched {
		t.Errorf("%d requests besides those of sync", n-fetched)
	}
	for _, worse := range []struct{ content, want string }{
		{"", "502 Bad Gateway"},
		{strings.Replace(teamAccounts, DevAccount, "666666666666", 1), "not signed"},
	} {
		content.Store(worse.content)
		stdout, stderr, status := h.Run("aws-accounts", "sync", "shared")
		if status != 1 || stdout != "" || !strings.Contains(stderr, worse.want) {
			t.Errorf("exit %d, %s%s", status, stdout, stderr)
		}
		if _, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 {
			t.Error(stderr)
		}
	}
	content.Store(teamAccounts)
	if stdout, _, _ := h.Run("aws-accounts", "sync", "shared"); !strings.HasSuffix(stdout, "nothing new\n") {
		t.Errorf("%q", stdout)
	}
}

// A team's file in S3 is fetched with the credentials of one's own account.
func TestSharedS3(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	key := aws.Key(User)
	put(t, aws.URL(), credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""), "team", "aws/our accounts+more.json", teamAccounts)
	own := `{"accounts_from": {"url": "s3://team/aws/our accounts+more.json", "account": "main"}, "accounts": [{"name": "main", "account_id": "123456789012"}]}`
	h.Accounts(own)
	if stdout, stderr, status := h.Run("aws-accounts", "sync", "shared"); status != 0 || !strings.Contains(stdout, "+ dev") {
		t.Fatalf("exit %d, %s%s", status, stdout, stderr)
	}
	if stdout, stderr, status := h.Run("aws-accounts", "process", "dev"); status != 0 || !document.MatchString(stdout) {
		t.Errorf("exit %d, %s", status, stderr)
	}
	h.Accounts(strings.Replace(own, "more.json", "none.json", 1))
	if _, stderr, status := h.Run("aws-accounts", "sync", "shared"); status != 1 || !strings.Contains(stderr, "404 Not Found") {
		t.Errorf("exit %d, %s", status, stderr)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, endpoint string, provider aws.CredentialsProvider, bucket, key, content string) {
	t.Helper()
	client := s3.New(s3.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: provider, UsePathStyle: true})
	ctx := context.Background()
	if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))}); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
