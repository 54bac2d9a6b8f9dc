package stage

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// A client is a program that people use with AWS, and that starts us through the profile which `setup` wrote.
type client struct {
	name string
	// find returns the program, and its version for the test's log.
	find func(*testing.T) (program, version string)
	// prepare, if not nil, is what comes before, in the working directory.
	prepare func(t *testing.T, h *Home, moto bool)
	// commands are what people give it, one after the other.
	commands []command
	// asks is what AWS must have been asked for by then, besides AssumeRole. DynamoDB is there with moto only.
	asks []string
	// mute: it doesn't tell its user what we have said.
	mute bool
}

type command struct {
	line   func(program, profile string, aws *standin.Server) []string
	shows  string // when it is in dev
	starts int    // how often it starts us
}

// How often we are started is measured: a client that begins to do it more often, or less, is worth a look.
var clients = []client{
	{
		name:     "AWS CLI v1",
		find:     func(t *testing.T) (string, string) { return findAWSCLI(t, "1") },
		commands: []command{{awsIdentity, DevAccount, 1}, {awsList, "dev-bucket", 1}},
		asks:     []string{"sts:GetCallerIdentity", "s3:ListBuckets"},
	},
	{
		name:     "AWS CLI v2",
		find:     func(t *testing.T) (string, string) { return findAWSCLI(t, "2") },
		commands: []command{{awsIdentity, DevAccount, 1}, {awsList, "dev-bucket", 1}},
		asks:     []string{"sts:GetCallerIdentity", "s3:ListBuckets"},
	},
	{
		name:     "boto3",
		find:     findBoto3,
		commands: slices.Repeat([]command{{script("python/client.py"), DevAccount + "\ndev-bucket", 1}}, 2),
		asks:     []string{"sts:GetCallerIdentity", "s3:ListBuckets"},
	},
	{
		name:     "SDK for Go v2",
		find:     buildGoClient,
		commands: slices.Repeat([]command{{itself, DevAccount + "\ndev-bucket", 1}}, 2),
		asks:     []string{"sts:GetCallerIdentity", "s3:ListBuckets"},
	},
	{
		name: "SDK for JavaScript v3",
		find: findNode,
		// Each service's client resolves the profile for itself. The default chain goes on after a profile has failed, and in
		// the end reports that nothing worked.
		commands: slices.Repeat([]command{{script("js/client.js"), DevAccount + "\ndev-bucket", 2}}, 2),
		asks:     []string{"sts:GetCallerIdentity", "s3:ListBuckets"},
		mute:     true,
	},
	{
		name:    "Terraform",
		find:    findTerraform,
		prepare: prepareTerraform,
		commands: []command{
			{terraformInit, "successfully initialized", 1},
			{terraform("apply", "-auto-approve", "-var=greeting=hello"), "Apply complete! Resources: 1 added", 1},
			{terraform("plan", "-var=greeting=hello"), "No changes", 1}, // so the state was written and read
		},
		asks: []string{"s3:PutObject", "s3:GetObject", "dynamodb:PutItem", "dynamodb:DeleteItem"},
	},
}

// stageAccounts has an account whose role nobody may assume, besides the usual ones.
const stageAccounts = `{
	"defaults": {"region": "eu-west-1"},
	"accounts": [
		{"name": "main", "account_id": "123456789012"},
		{"name": "dev", "account_id": "987654321098", "role_arn": "arn:aws:iam::987654321098:role/CrossAccountAdminRole"},
		{"name": "denied", "account_id": "987654321098", "role_arn": "` + deniedRole + `"}
	]
}`

const deniedRole = "arn:aws:iam::987654321098:role/TrustsNobody"

// Every client works through the profile that setup wrote. All its commands together make one AssumeRole. A denied role is
// explained where the user looks. No secret is left in the home, by us or by the client.
func TestClients(t *testing.T) {
	t.Parallel()
	moto := sharedMoto(t)
	if moto == "" {
		t.Run("moto", func(t *testing.T) { without(t, "moto", "moto_server isn't on PATH; Terraform goes without a lock") })
	}
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program, version := c.find(t)
			aws := startStageAWS(t, moto)
			h := NewHome(t, aws, Keyring(t).Env()...)
			h.Accounts(stageAccounts)
			starts := setUpCounted(t, h)
			if c.prepare != nil {
				c.prepare(t, h, moto != "")
			}
			aws.ResetCalls()

			took := make([]time.Duration, len(c.commands))
			for i, command := range c.commands {
				began := time.Now()
				output, status := h.combined(command.line(program, "dev", aws)...)
				took[i] = time.Since(began).Round(time.Millisecond)
				if status != 0 || !strings.Contains(output, command.shows) {
					t.Fatalf("command %d: exit %d, want %q in\n%s", i+1, status, command.shows, output)
				}
				if err := hasNone(output, "the output", aws); err != nil {
					t.Error(err)
				}
				if got := starts.since(); got != command.starts {
					t.Errorf("command %d started us %d times, not %d", i+1, got, command.starts)
				}
			}
			if got := aws.Calls("AssumeRole"); got != 1 {
				t.Errorf("%d AssumeRole calls for %d commands", got, len(c.commands))
			}
			for _, operation := range c.asks {
				if aws.CallsWith(operation, "ok") == 0 && (moto != "" || !strings.HasPrefix(operation, "dynamodb:")) {
					t.Errorf("AWS wasn't asked for %s", operation)
				}
			}

			output, status := h.combined(c.commands[0].line(program, "denied", aws)...)
			t.Logf("%s: its commands took %v; where the role is denied it starts us %d times, exits with %d and shows\n%s",
				version, took, starts.since(), status, output)
			if status == 0 {
				t.Error("a denied role: exit 0")
			}
			if c.mute {
				output += h.MustRun("aws-accounts", "log")
			}
			for _, want := range []string{"not allowed to assume " + deniedRole, "(AccessDenied)"} {
				if !strings.Contains(output, want) {
					t.Errorf("a denied role: the user isn't told %q", want)
				}
			}
			if !c.mute && !strings.Contains(output, "\nhint: ") {
				t.Error("a denied role: the user isn't told the next step")
			}
			if err := hasNone(output, "the output", aws); err != nil {
				t.Error(err)
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

func awsIdentity(program, profile string, aws *standin.Server) []string {
	return []string{program, "sts", "get-caller-identity", "--output=text", "--profile=" + profile, "--endpoint-url=" + aws.URL()}
}

func awsList(program, profile string, aws *standin.Server) []string {
	return []string{program, "s3", "ls", "--profile=" + profile, "--endpoint-url=" + aws.URL()}
}

// script is for a client that runs a program of ours.
func script(path string) func(string, string, *standin.Server) []string {
	return func(program, profile string, _ *standin.Server) []string {
		file, err := filepath.Abs(filepath.Join("clients", path))
		if err != nil {
			panic(err)
		}
		return []string{program, file, profile}
	}
}

// itself is for a client that is a program of ours.
func itself(program, profile string, _ *standin.Server) []string { return []string{program, profile} }

func findAWSCLI(t *testing.T, major string) (path, version string) {
	return find(t, "awscli"+major, "aws", "aws-cli/"+major+".", "--version")
}

func findBoto3(t *testing.T) (path, version string) {
	return find(t, "boto3", "python3", "boto3/", "-c", `import boto3; print("boto3/" + boto3.__version__)`)
}

func findTerraform(t *testing.T) (path, version string) {
	return find(t, "terraform", "terraform", "Terraform v", "version")
}

func findNode(t *testing.T) (path, version string) {
	path, version = find(t, "javascript", "node", "v", "--version")
	modules := filepath.Join("clients", "js", "node_modules", "@aws-sdk")
	if _, err := os.Stat(modules); err != nil {
		without(t, "javascript", modules+" isn't there")
	}
	return path, "node " + version
}

func buildGoClient(t *testing.T) (path, version string) {
	path = filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", path, "./clients/go").CombinedOutput(); err != nil {
		t.Fatalf("building the client: %v\n%s", err, out)
	}
	return path, runtime.Version()
}

// find returns the first program of that name on PATH whose answer begins like that, and its answer's first line.
func find(t *testing.T, needs, name, answer string, arguments ...string) (path, version string) {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := exec.LookPath(path); err != nil {
			continue
		}
		if out, err := exec.Command(path, arguments...).Output(); err == nil && strings.HasPrefix(string(out), answer) {
			version, _, _ := strings.Cut(string(out), "\n")
			return path, version
		}
	}
	without(t, needs, name+" isn't on PATH, or not that version of it")
	return "", ""
}

// without skips a test for want of a client, as missing does. STAGE_WITHOUT names the clients that .ci/stage couldn't
// install, as the system has no package of them: their tests are left out even in CI.
func without(t *testing.T, needs, why string) {
	t.Helper()
	if slices.Contains(strings.Fields(os.Getenv("STAGE_WITHOUT")), needs) {
		t.Skipf("NOT TESTED: %s: %s", needs, why)
	}
	missing(t, needs+": "+why)
}

func terraformInit(program, profile string, _ *standin.Server) []string {
	return []string{program, "init", "-no-color", "-input=false", "-reconfigure", "-backend-config=backend.hcl", "-backend-config=profile=" + profile}
}

func terraform(arguments ...string) func(string, string, *standin.Server) []string {
	return func(program, _ string, _ *standin.Server) []string {
		return append([]string{program, arguments[0], "-no-color", "-input=false"}, arguments[1:]...)
	}
}

// prepareTerraform makes a working directory of the home. Only moto has a DynamoDB for the lock.
func prepareTerraform(t *testing.T, h *Home, moto bool) {
	main, err := os.ReadFile("clients/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	h.Write("main.tf", string(main))
	lock := ""
	if moto {
		lock = `dynamodb_table = "dev-locks"`
	}
	h.Write("backend.hcl", lock)
}

// sharedMoto starts moto with what the clients look for, once for all of them: it takes seconds to start. Without moto it
// returns "", and the stand-in's own S3 serves.
func sharedMoto(t *testing.T) string {
	if _, err := exec.LookPath("moto_server"); err != nil {
		return ""
	}
	moto := standin.Moto(t)
	setUp := func(method, path, target, body string) {
		t.Helper()
		r, err := http.NewRequest(method, moto+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		service := "s3"
		if target != "" {
			service = "dynamodb"
			r.Header.Set("X-Amz-Target", target)
			r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		}
		r.Header.Set("X-Moto-Account-Id", DevAccount)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=x")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s %s%s: %s", method, moto, path, answer.Status)
		}
	}
	setUp("PUT", "/dev-bucket", "", `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>`)
	setUp("POST", "/", "DynamoDB_20120810.CreateTable", `{"TableName": "dev-locks", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "LockID", "AttributeType": "S"}],
		"KeySchema": [{"AttributeName": "LockID", "KeyType": "HASH"}]}`)
	return moto
}

func startStageAWS(t *testing.T, moto string) *standin.Server {
	world := World()
	world.Roles = append(world.Roles, standin.Role{ARN: deniedRole})
	world.Moto = moto
	return standin.Start(t, world)
}

// counter stands at the path that setup wrote into the stanzas: it notes each start, then becomes us.
type counter struct {
	t       *testing.T
	program string
	seen    int
}

// setUpCounted runs setup with a path of the program's own, then puts the counter there.
func setUpCounted(t *testing.T, h *Home) *counter {
	t.Helper()
	c := &counter{t: t, program: filepath.Join(t.TempDir(), "aws-accounts")}
	shim, err := filepath.Abs("clients/counter.sh")
	if err != nil {
		t.Fatal(err)
	}
	link := func(to, path string) {
		t.Helper()
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	link(Binary(t), c.program+".real")
	link(Binary(t), c.program)
	h.MustRun(c.program, "setup")
	config, err := os.ReadFile(filepath.Join(h.Dir, ".aws", "config"))
	if err != nil || !strings.Contains(string(config), c.program+" process ") {
		t.Fatalf("setup wrote (%v)\n%s", err, config)
	}
	if err := os.Remove(c.program); err != nil {
		t.Fatal(err)
	}
	link(shim, c.program)
	return c
}

// since returns how often it was started since the last time it was asked.
func (c *counter) since() int {
	data, err := os.ReadFile(c.program + ".starts")
	if err != nil && !os.IsNotExist(err) {
		c.t.Fatal(err)
	}
	n := len(data) - c.seen
	c.seen = len(data)
	return n
}

// combined runs a command and returns all that the user sees of it.
func (h *Home) combined(command ...string) (output string, status int) {
	h.t.Helper()
	cmd := h.Command(command[0], command[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		h.t.Fatalf("%s: %v", command[0], err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
