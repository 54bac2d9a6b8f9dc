package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// exampleWorld is the AWS that the examples and the README tell about.
func exampleWorld() standin.Config {
	world := World()
	for i := range world.Roles {
		if world.Roles[i].ARN == ProdRole {
			world.Roles[i].Trust.Principals = []string{MainAccount, DevAccount}
		}
	}
	world.Buckets = append(world.Buckets, standin.Bucket{Account: ProdAccount, Name: "prod-bucket"})
	world.IdentityCenter = []standin.IdentityCenter{{
		StartURL:    "https://corp.awsapps.com/start",
		Assignments: []standin.Assignment{{Account: DevAccount, Role: "ReadOnly"}},
	}}
	world.Organization.Members = append(world.Organization.Members, standin.OrgMember{ID: "222222222222", Name: "Sandbox (EU)"})
	return world
}

func example(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// asInstalled is text of ours as it would be if the program were installed where the examples have it.
func asInstalled(t *testing.T, text string) string {
	return strings.ReplaceAll(text, Binary(t), "/usr/local/bin/aws-accounts")
}

// Each accounts file is valid, and each of its accounts hands out what it says.
func TestExamples(t *testing.T) {
	t.Parallel()
	const user, devRole, prodRole = ":user/" + User, "::" + DevAccount + ":assumed-role/CrossAccountAdminRole/", "::" + ProdAccount + ":assumed-role/CrossAccountAdminRole/"
	machine := "::" + MainAccount + ":assumed-role/Machine/"
	tests := map[string]struct {
		before func(*testing.T, *Home, *standin.Server)
		arns   map[string]string // account → a part of its ARN
	}{
		"accounts.json": {arns: map[string]string{"main": user, "dev": devRole, "prod": prodRole}},
		"profile.json": {
			before: func(t *testing.T, h *Home, aws *standin.Server) {
				key := aws.Key(User)
				h.Write(".aws/credentials", "[work]\naws_access_key_id = "+key.ID+"\naws_secret_access_key = "+key.Secret+"\n")
			},
			arns: map[string]string{"main": user, "dev": devRole},
		},
		"keychain.json": {
			before: func(t *testing.T, h *Home, aws *standin.Server) {
				os.Remove(filepath.Join(h.Dir, ".aws", "credentials"))
				add := h.Command("aws-accounts", "keys", "add", "main", "--from-environment")
				add.Env = append(slices.Clone(h.Env), aws.KeyEnv(User)...)
				if out, err := add.CombinedOutput(); err != nil {
					t.Fatalf("keys add: %v\n%s", err, out)
				}
			},
			arns: map[string]string{"main": user, "dev": devRole},
		},
		"mfa.json": {
			before: func(t *testing.T, h *Home, aws *standin.Server) {
				h.MustRun("aws-accounts", "assume", "dev", "--mfa-code="+aws.MFACode(MFASerial))
			},
			arns: map[string]string{"main": user, "dev": "::" + DevAccount + ":assumed-role/OnlyWithMFA/", "prod": prodRole},
		},
		"chain.json": {arns: map[string]string{"main": user, "dev": devRole, "prod": prodRole}},
		"identity-center.json": {
			before: signInExample,
			arns:   map[string]string{"dev": "::" + DevAccount + ":assumed-role/AWSReservedSSO_ReadOnly_", "prod": prodRole},
		},
		"web-identity.json": {
			before: func(t *testing.T, h *Home, _ *standin.Server) {
				token := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(token, []byte(WebIdentityToken), 0o600); err != nil {
					t.Fatal(err)
				}
				mounted := "/var/run/secrets/eks.amazonaws.com/serviceaccount/token" // a test has no business there
				h.Accounts(strings.ReplaceAll(example(t, "web-identity.json"), mounted, token))
			},
			arns: map[string]string{"ci": machine, "dev": devRole},
		},
		"instance.json": {
			before: func(_ *testing.T, h *Home, aws *standin.Server) { h.Env = append(h.Env, aws.InstanceEnv()...) },
			arns:   map[string]string{"here": machine, "dev": devRole},
		},
		"environment.json": {
			before: func(_ *testing.T, h *Home, aws *standin.Server) {
				os.Remove(filepath.Join(h.Dir, ".aws", "credentials"))
				h.Env = append(h.Env, aws.KeyEnv(User)...)
			},
			arns: map[string]string{"pipeline": user, "dev": devRole},
		},
	}
	files, err := filepath.Glob("../../../examples/*.json")
	files = slices.DeleteFunc(files, func(path string) bool { return strings.HasSuffix(path, ".schema.json") }) // for editors
	if err != nil || len(files) != len(tests) {
		t.Errorf("%d accounts files in examples, %d are tested (%v)", len(files), len(tests), err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, exampleWorld())
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(example(t, name))
			if out := h.MustRun("aws-accounts", "validate"); !strings.Contains(out, "no errors") {
				t.Errorf("validate says %q", out)
			}
			if test.before != nil {
				test.before(t, h, aws)
			}
			for account, arn := range test.arns {
				if out := h.MustRun("aws-accounts", "whoami", "--json", account); !strings.Contains(out, arn) {
					t.Errorf("%s is not %s but %s", account, arn, out)
				}
				if out, errs, _ := h.Run("aws-accounts", "process", account); !strings.HasPrefix(out, `{"Version":1,`) || errs != "" {
					t.Errorf("process %s writes %d bytes, and to stderr %q", account, len(out), errs)
				}
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

// signInExample signs in as a person does who has a phone beside a terminal without a browser.
func signInExample(t *testing.T, h *Home, aws *standin.Server) {
	login := h.Command("aws-accounts", "sso", "login", "corp", "--device")
	var out strings.Builder
	login.Stdout, login.Stderr = &out, &out
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := aws.WaitCalls(ctx, "CreateToken", 1) // it asks whether the person has approved, so AWS knows the code
	codes := aws.PendingDevices()
	if err == nil && len(codes) == 1 {
		err = aws.ApproveDevice(codes[0])
	}
	if err != nil || len(codes) != 1 {
		login.Process.Kill()
		t.Errorf("%d codes wait: %v", len(codes), err)
	}
	if err := login.Wait(); err != nil {
		t.Fatalf("sso login: %v\n%s", err, out.String())
	}
}

func TestExampleConfig(t *testing.T) {
	t.Parallel()
	h := NewHome(t, standin.Start(t, exampleWorld()), FileKeychain()...)
	h.Accounts(example(t, "accounts.json"))
	h.MustRun("aws-accounts", "setup")
	config, err := os.ReadFile(filepath.Join(h.Dir, ".aws", "config"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asInstalled(t, string(config)), example(t, "aws-config"); got != want {
		t.Errorf("setup writes\n%s\nexamples/aws-config is\n%s", got, want)
	}
}

// exampleHome has the README's accounts file, set up.
func exampleHome(t *testing.T, world standin.Config) (*Home, *standin.Server) {
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(example(t, "accounts.json"))
	h.MustRun("aws-accounts", "setup")
	return h, aws
}

// Of the Terraform example, the part that needs no provider.
func TestExampleTerraform(t *testing.T) {
	t.Parallel()
	program, version := findTerraform(t)
	world := exampleWorld()
	world.Buckets = append(world.Buckets, standin.Bucket{Account: DevAccount, Name: "dev-terraform-state"})
	h, aws := exampleHome(t, world)
	for _, name := range []string{"main.tf", "provider.tf"} {
		h.Write("checked/"+name, example(t, "terraform/"+name))
	}
	for _, arguments := range [][]string{
		{"fmt", "-check", "-diff", "checked"},
		{"init", "-no-color", "-input=false", "-backend-config=use_path_style=true"}, // the stand-in's S3 has one host name
		{"apply", "-no-color", "-input=false", "-auto-approve"},
		{"plan", "-no-color", "-input=false", "-detailed-exitcode"}, // 0: nothing to do, so the state was written and read
	} {
		if arguments[0] == "init" {
			h.Write("main.tf", example(t, "terraform/main.tf"))
		}
		if out, status := h.combined(append([]string{program}, arguments...)...); status != 0 {
			t.Fatalf("%s: terraform %s: exit %d\n%s", version, arguments[0], status, out)
		}
	}
	if got := aws.Calls("AssumeRole"); got != 1 {
		t.Errorf("%d AssumeRole calls", got)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// The whole example with the real AWS provider, once for each of two accounts, and a table in each.
func TestExampleTerraformProvider(t *testing.T) {
	t.Parallel()
	program, version := findTerraform(t)
	mirror := terraformMirror()
	if mirror == "" {
		without(t, "provider", "none of Terraform's plugin folders holds hashicorp/aws")
	}
	world := exampleWorld()
	if world.Moto = sharedMoto(t); world.Moto == "" {
		without(t, "moto", "moto_server isn't on PATH")
	}
	h, aws := exampleHome(t, world)
	h.Write("terraformrc", fmt.Sprintf("provider_installation {\n\tfilesystem_mirror {\n\t\tpath = %q\n\t}\n}\n", mirror))
	h.Env = append(h.Env, "TF_CLI_CONFIG_FILE="+filepath.Join(h.Dir, "terraformrc"))
	h.Write("provider.tf", example(t, "terraform/provider.tf"))
	var tables strings.Builder
	for _, provider := range []string{"aws", "aws.prod"} {
		name := strings.ReplaceAll(provider, ".", "-")
		fmt.Fprintf(&tables, `resource "aws_dynamodb_table" "%s" {
  provider     = %s
  name         = "%[1]s"
  hash_key     = "id"
  billing_mode = "PAY_PER_REQUEST"
  attribute {
    name = "id"
    type = "S"
  }
}
`, name, provider)
	}
	h.Write("tables.tf", tables.String())
	for _, arguments := range [][]string{
		{"init", "-no-color", "-input=false"},
		{"apply", "-no-color", "-input=false", "-auto-approve"},
		{"plan", "-no-color", "-input=false", "-detailed-exitcode"}, // 0: nothing to do
		{"output", "-json", "accounts"},
	} {
		out, status := h.combined(append([]string{program}, arguments...)...)
		if status != 0 {
			t.Fatalf("%s: terraform %s: exit %d\n%s", version, arguments[0], status, out)
		}
		if arguments[0] == "output" && strings.Join(strings.Fields(out), "") != `["`+DevAccount+`","`+ProdAccount+`"]` {
			t.Errorf("the providers work in %s", out)
		}
	}
	if got := aws.Calls("AssumeRole"); got != 2 {
		t.Errorf("%d AssumeRole calls of 2 accounts", got)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// terraformMirror is a folder of plugins that holds the AWS provider: one of those where Terraform looks by itself, or one
// that an administrator unpacked into /opt. "" if there is none.
func terraformMirror() string {
	home, _ := os.UserHomeDir()
	for _, pattern := range []string{
		filepath.Join(home, ".terraform.d", "plugins"), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/*",
	} {
		found, _ := filepath.Glob(filepath.Join(pattern, "registry.terraform.io", "hashicorp", "aws"))
		if len(found) > 0 {
			return filepath.Join(found[0], "..", "..", "..")
		}
	}
	return ""
}

func TestExampleBoto3(t *testing.T) {
	t.Parallel()
	program, version := findBoto3(t)
	h, _ := exampleHome(t, exampleWorld())
	h.Write("list_buckets.py", example(t, "boto3/list_buckets.py"))
	// Before 1.28 boto3 doesn't know AWS_ENDPOINT_URL.
	h.Write("run.py", `import boto3, os, runpy
client = boto3.Session.client
boto3.Session.client = lambda session, name: client(session, name, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
runpy.run_path("list_buckets.py", run_name="__main__")
`)
	if out, status := h.combined(program, "run.py", "prod"); status != 0 || out != "prod-bucket\n" {
		t.Errorf("%s: exit %d\n%s", version, status, out)
	}
}

// The Docker example, with a program in the place of `docker` that starts what the container would run, with the variables
// that -e names and nothing else of ours: they are a session of the account, and the arguments hold no secret.
func TestExampleDocker(t *testing.T) {
	t.Parallel()
	h, aws := exampleHome(t, exampleWorld())
	command := regexp.MustCompile(`(?m)^    aws-accounts exec dev -- docker (run .*)$`).FindStringSubmatch(example(t, "docker/README.md"))
	if command == nil {
		t.Fatal("the example's README has no such command")
	}
	for _, name := range regexp.MustCompile(`-e ([A-Z_]+)`).FindAllStringSubmatch(command[1], -1) {
		if !strings.Contains(example(t, "docker/compose.yaml"), "\n      - "+name[1]+"\n") {
			t.Errorf("compose.yaml doesn't hand on %s", name[1])
		}
	}
	engine := filepath.Join(t.TempDir(), "docker")
	writeProgram(t, engine, `#!/bin/sh
echo "$@" >arguments
set -- HOME=/nonexistent AWS_ENDPOINT_URL="$AWS_ENDPOINT_URL"
for name in $(grep -o -e '-e [A-Z_]*' arguments | cut -c4-); do
	eval "set -- \"\$@\" $name=\"\$$name\""
done
exec env -i "$@" "`+Binary(t)+`" whoami --json
`)
	arguments := append([]string{"aws-accounts", "exec", "dev", "--", engine}, strings.Fields(command[1])...)
	if out, status := h.combined(arguments...); status != 0 || !strings.Contains(out, "::"+DevAccount+":assumed-role/CrossAccountAdminRole/") {
		t.Errorf("exit %d\n%s", status, out)
	}
	if err := NoSecrets(h.Dir, aws); err != nil { // the arguments are there, too
		t.Error(err)
	}
}

// writeProgram makes a file that can be run. While it is written nobody forks: until it is another program, the child would
// have the file open for writing as well, and who starts it was told "text file busy".
func writeProgram(t testing.TB, path, content string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}
