package stage

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// snippet returns the n-th block of that language in the examples' README.
func snippet(t *testing.T, language string, n int) string {
	t.Helper()
	blocks := strings.Split(example(t, "README.md"), "\n```"+language+"\n")
	if n >= len(blocks) {
		t.Fatalf("examples/README.md has no block %d of %s", n, language)
	}
	block, _, _ := strings.Cut(blocks[n], "\n```\n")
	return block + "\n"
}

// lineOf returns the line of the examples' README that has all of this.
func lineOf(t *testing.T, parts ...string) string {
	t.Helper()
lines:
	for line := range strings.Lines(example(t, "README.md")) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return strings.TrimSpace(line)
	}
	t.Fatalf("examples/README.md has no line with %q", parts)
	return ""
}

// toolHome is a home with the README's accounts, where `aws` talks to the stand-in whatever its version.
func toolHome(t *testing.T) (*Home, *standin.Server) {
	h, aws := exampleHome(t, exampleWorld())
	lookalikes(t, h, aws)
	h.Env = append(h.Env, "GIT_CONFIG_NOSYSTEM=1")
	return h, aws
}

func TestExampleJavaScript(t *testing.T) {
	t.Parallel()
	program, version := findNode(t)
	h, _ := toolHome(t)
	modules, err := filepath.Abs("clients/js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(h.Dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	h.Write("list-buckets.mjs", snippet(t, "js", 1))
	if out, status := h.combined(program, "list-buckets.mjs", "prod"); status != 0 || out != "prod-bucket\n" {
		t.Errorf("%s: exit %d\n%s", version, status, out)
	}
}

func TestExampleGo(t *testing.T) {
	t.Parallel()
	h, _ := toolHome(t)
	h.Write("main.go", snippet(t, "go", 1))
	client := filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", client, filepath.Join(h.Dir, "main.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, status := h.combined(client, "prod"); status != 0 || out != "prod-bucket\n" {
		t.Errorf("exit %d\n%s", status, out)
	}
}

// The token that kubectl shows the cluster is one of the account's role: AWS says so, as it would say to EKS.
func TestExampleKubectl(t *testing.T) {
	t.Parallel()
	program, version := find(t, "kubectl", "kubectl", "Client Version", "version", "--client")
	h, aws := toolHome(t)
	var caller string
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer k8s-aws-v1.")
		signed, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(signed) == 0 {
			http.Error(w, "no token of EKS", http.StatusUnauthorized)
			return
		}
		ask, err := http.NewRequest("GET", string(signed), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		ask.URL.Scheme, ask.URL.Host = "http", strings.TrimPrefix(aws.URL(), "http://") // older CLIs sign for AWS itself: Host stays
		ask.Header.Set("x-k8s-aws-id", "CLUSTER")
		answer, err := http.DefaultClient.Do(ask)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		caller = string(body)
		io.WriteString(w, `{"kind": "NamespaceList", "items": []}`)
	}))
	defer cluster.Close()
	h.Write(".kube/config", fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: dev
contexts: [{name: dev, context: {cluster: dev, user: dev}}]
clusters: [{name: dev, cluster: {server: %q, insecure-skip-tls-verify: true}}]
`, cluster.URL)+snippet(t, "yaml", 1))
	out, status := h.combined(program, "get", "--raw=/api/v1/namespaces")
	if status != 0 || !strings.Contains(caller, ":assumed-role/CrossAccountAdminRole/") || !strings.Contains(caller, DevAccount) {
		t.Errorf("%s: exit %d\n%s\nAWS says of the token %s", version, status, out, caller)
	}
}

// Git is told a user name that is the session's key, and a password that it has signed.
func TestExampleCodeCommit(t *testing.T) {
	t.Parallel()
	h, aws := toolHome(t)
	for _, key := range []string{"helper", "useHttpPath"} {
		h.MustRun("sh", "-c", lineOf(t, "git config", "amazonaws.com."+key))
	}
	fill := h.Command("git", "credential", "fill")
	fill.Stdin = strings.NewReader("protocol=https\nhost=git-codecommit.eu-west-1.amazonaws.com\npath=v1/repos/REPOSITORY\n\n")
	out, err := fill.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^username=ASIA[A-Z0-9]+%\S+\npassword=\d{8}T\d{6}Z[0-9a-f]{64}$`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
	if got := aws.Calls("AssumeRole"); got != 1 {
		t.Errorf("%d AssumeRole calls", got)
	}
}

// A registry stands where ECR would, and moto is ECR's API: what `docker login` shows the registry is ECR's password.
func TestExampleECR(t *testing.T) {
	t.Parallel()
	docker, version := find(t, "docker", "docker", "Docker version", "--version")
	moto := sharedMoto(t)
	if moto == "" {
		without(t, "moto", "moto_server isn't on PATH")
	}
	world := exampleWorld()
	world.Moto = moto
	h, aws := exampleHome(t, world)
	lookalikes(t, h, aws)
	h.Env = append(h.Env, "DOCKER_HOST=unix:///nonexistent/docker.sock")
	shown := make(chan string, 10)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="ECR"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		shown <- name + ":" + password
	}))
	defer registry.Close()
	address := strings.TrimPrefix(registry.URL, "http://")
	line := strings.ReplaceAll(lineOf(t, "docker login", "get-login-password"), "987654321098.dkr.ecr.eu-west-1.amazonaws.com", address)
	out, status := h.combined("sh", "-c", strings.ReplaceAll(line, "docker login", docker+" login"))
	if status != 0 || len(shown) == 0 {
		t.Fatalf("%s: exit %d\n%s", version, status, out)
	}
	if got := <-shown; !strings.HasPrefix(got, "AWS:"+DevAccount+"-") { // as moto makes them
		t.Errorf("the registry was shown %q", got)
	}
	if aws.CallsWith("ecr:GetAuthorizationToken", "ok") == 0 {
		t.Error("ECR wasn't asked")
	}
}

// ecrHelper is the version of amazon-ecr-credential-helper that the example is tried with.
const ecrHelper = "github.com/awslabs/amazon-ecr-credential-helper/ecr-login/cli/docker-credential-ecr-login@v0.12.0"

// The real amazon-ecr-credential-helper gets ECR's password by the profile. It keeps it in a file for 12 hours, unless it is
// told not to. Of our refusal Docker shows nothing but the helper's last line, which troubleshooting.md explains.
func TestExampleECRHelper(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	install := exec.Command("go", "install", ecrHelper)
	install.Env = append(os.Environ(), "GOBIN="+bin)
	if out, err := install.CombinedOutput(); err != nil {
		without(t, "ecr-login", fmt.Sprintf("go install %s: %v\n%s", ecrHelper, err, out))
	}
	world := exampleWorld()
	if world.Moto = sharedMoto(t); world.Moto == "" {
		without(t, "moto", "moto_server isn't on PATH")
	}
	h, aws := exampleHome(t, world)
	get := func(variables ...string) (string, error) {
		helper := h.Command(filepath.Join(bin, "docker-credential-ecr-login"), "get")
		helper.Env = append(slices.Clone(h.Env), variables...)
		helper.Stdin = strings.NewReader(DevAccount + ".dkr.ecr.eu-west-1.amazonaws.com")
		out, err := helper.CombinedOutput()
		return string(out), err
	}
	variables := regexp.MustCompile(`AWS_ECR_DISABLE_CACHE=\S+ AWS_PROFILE=dev`).FindString(example(t, "README.md"))
	if variables == "" {
		t.Fatal("the example names no AWS_ECR_DISABLE_CACHE")
	}
	kept := filepath.Join(h.Dir, ".ecr", "cache.json")
	if out, err := get(strings.Fields(variables)...); err != nil || !strings.Contains(out, `"Username":"AWS","Secret":"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Errorf("%s keeps ECR's password", kept)
	}
	if out, err := get("AWS_PROFILE=dev"); err != nil || aws.CallsWith("ecr:GetAuthorizationToken", "ok") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("it keeps no password (%v), so the example's variable isn't needed", err)
	}
	h.MustRun("aws-accounts", "clear", "--all")
	aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.AccessDenied})
	const says = "credentials not found in native keychain"
	if out, err := get(strings.Fields(variables)...); err == nil || !strings.Contains(out, says) {
		t.Errorf("refused: %v\n%s", err, out)
	}
	if !strings.Contains(example(t, "troubleshooting.md"), says) {
		t.Error("troubleshooting.md doesn't say what that means")
	}
}

// The workflow's steps, in order, on what GitHub would give them.
func TestExampleGitHubActions(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"jq", "curl", "openssl"} {
		if lacks(t, tool) {
			return
		}
	}
	aws := standin.Start(t, exampleWorld())
	h := NewHome(t, aws)
	os.RemoveAll(filepath.Join(h.Dir, ".aws")) // the runner has no key
	lookalikes(t, h, aws)
	token := filepath.Join(h.Dir, "aws-token")
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "bearer of-the-job" || r.URL.Query().Get("audience") != "sts.amazonaws.com" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"value": %q}`, WebIdentityToken)
	}))
	defer identity.Close()
	accounts := strings.ReplaceAll(example(t, "web-identity.json"), "/var/run/secrets/eks.amazonaws.com/serviceaccount/token", token)
	accounts = strings.Replace(accounts, "CrossAccountAdminRole\"}", "CrossAccountAdminRole\"},\n    {\"name\": \"prod\", \"role_arn\": \""+ProdRole+"\"}", 1)
	h.Write("accounts.json", accounts)
	h.Env = append(h.Env,
		"ACTIONS_ID_TOKEN_REQUEST_URL="+identity.URL+"/?version=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-job",
		"GITHUB_ENV="+filepath.Join(h.Dir, "github.env"))
	workflow := example(t, "github-actions.yaml")
	for _, variable := range regexp.MustCompile(`(?m)^  (AWS_ACCOUNTS_[A-Z]+): ([^#\n]*)`).FindAllStringSubmatch(workflow, -1) {
		h.Env = append(h.Env, variable[1]+"="+strings.ReplaceAll(strings.TrimSpace(variable[2]), "${{ github.workspace }}", h.Dir))
	}
	var out string
	for i, step := range strings.Split(workflow, "\n        run: |\n")[1:] {
		step, _, _ = strings.Cut(step, "\n      - ")
		step = strings.ReplaceAll(step, "/tmp/aws-token", token)
		var status int
		if out, status = h.combined("bash", "-e", "-c", step); status != 0 {
			t.Fatalf("step %d: exit %d\n%s", i+1, status, out)
		}
		added, _ := os.ReadFile(filepath.Join(h.Dir, "github.env"))
		h.Env = append(h.Env, strings.Fields(string(added))...)
	}
	if !strings.Contains(out, "dev-bucket") || !strings.Contains(out, "prod-bucket") {
		t.Errorf("the last step writes\n%s", out)
	}
	for operation, want := range map[string]int{"AssumeRoleWithWebIdentity": 1, "AssumeRole": 2} {
		if got := aws.Calls(operation); got != want {
			t.Errorf("%d calls of %s, not %d", got, operation, want)
		}
	}
}
