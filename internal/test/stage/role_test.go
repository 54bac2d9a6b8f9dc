package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

const bootstrapRole = "OrganizationAccountAccessRole"

// organization is n member accounts that the main account can enter, and the accounts file with a role in each.
func organization(n int, fields string) (world standin.Config, accountsFile string) {
	world = World()
	entries := []string{`{"name": "main", "account_id": "` + MainAccount + `"}`}
	for i := range n {
		id := memberAccount(i)
		world.Roles = append(world.Roles, standin.Role{ARN: "arn:aws:iam::" + id + ":role/" + bootstrapRole, Trust: standin.Trust{Principals: []string{MainAccount}}})
		entries = append(entries, fmt.Sprintf(`{"name": "member%03d", "role_arn": "arn:aws:iam::%s:role/Reader"%s}`, i, id, fields))
	}
	return world, `{"defaults": {"region": "eu-west-1"}, "accounts": [` + strings.Join(entries, ",\n") + "]}"
}

func memberAccount(i int) string { return fmt.Sprintf("%012d", 300000000000+i) }

// created are the calls that made a role.
func created(aws *standin.Server) int { return aws.CallsWith("CreateRole", "ok") }

// AWS throttles one call in twenty, and five accounts of 500 refuse: the 495 others are done, those five are named, and the
// second run makes those five and nothing else.
func TestRolesInManyAccounts(t *testing.T) {
	t.Parallel()
	const n = 500
	world, file := organization(n, "")
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(file)
	aws.Fault(standin.Fault{Operation: "*", Kind: standin.Throttle, Chance: 0.05})
	var denials []standin.Denial
	var refused []string
	for i := 50; i < n; i += 100 {
		denials = append(denials, standin.Denial{Principal: "arn:aws:iam::" + memberAccount(i) + ":role/" + bootstrapRole, Action: "iam:CreateRole", Explicit: true})
		refused = append(refused, fmt.Sprintf("member%03d", i))
	}
	aws.SetDenials(denials...)

	began := time.Now()
	out, errs, status := h.Run("aws-accounts", "role", "create", "--all", "--yes")
	took := time.Since(began)
	if status != 1 || !strings.Contains(errs, "aws-accounts: 5 accounts failed\nhint: `aws-accounts role policy ") {
		t.Errorf("exit %d\n%s", status, errs)
	}
	var named []string
	for _, m := range regexp.MustCompile(`(?m)^failed   (member\d+): .* is not allowed iam:CreateRole, with an explicit deny in an identity-based policy \(AccessDenied\)$`).FindAllStringSubmatch(out, -1) {
		named = append(named, m[1])
	}
	if !slices.Equal(named, refused) {
		t.Errorf("named as failed: %q, want %q", named, refused)
	}
	if got := strings.Count(out, "\ncreated  "); got != n-len(refused) || created(aws) != got {
		t.Errorf("%d accounts told as done, %d roles made", got, created(aws))
	}
	throttled := aws.CallsWith("*", "Throttling")
	t.Logf("%d accounts: %s, %d calls, %d of them throttled", n, took.Round(time.Second), aws.Calls("*"), throttled)
	if throttled == 0 {
		t.Error("nothing was throttled")
	}

	aws.SetDenials()
	aws.ResetCalls()
	out, errs, status = h.Run("aws-accounts", "role", "create", "--all", "--yes")
	if status != 0 || !strings.Contains(out, "\n495 roles as they should be\n") {
		t.Errorf("the second run: exit %d\n%s\n%s", status, out, errs)
	}
	if created(aws) != len(refused) || aws.CallsWith("AttachRolePolicy", "ok") != len(refused) || aws.Calls("UpdateAssumeRolePolicy")+aws.Calls("UpdateRole")+aws.Calls("TagRole") != 0 {
		t.Errorf("the second run made %d roles", created(aws))
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// From an account without a role to a client that works in it, one MFA code on the way; IAM takes its time to know the role.
func TestRoleFromNothingToAClient(t *testing.T) {
	t.Parallel()
	for _, session := range []string{"token", "none"} {
		t.Run(session, func(t *testing.T) {
			t.Parallel()
			world, _ := organization(2, "")
			world.NewRoleDelayCalls = 2
			aws := standin.Start(t, world)
			h := NewHome(t, aws, FileKeychain()...)
			fields := `"external_id": "the+id", "source_identity": "alice", "session_tags": {"team": "core"}, "duration": "1h"`
			h.Accounts(`{"defaults": {"region": "eu-west-1"}, "accounts": [
				{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `", "session": "` + session + `",
				 "mfa_process": "echo asked >>$HOME/asked; cat $HOME/code"},
				{"name": "one", "role_arn": "arn:aws:iam::` + memberAccount(0) + `:role/path/Operator", ` + fields + `},
				{"name": "two", "role_arn": "arn:aws:iam::` + memberAccount(1) + `:role/path/Operator", ` + fields + `}]}`)
			h.Write("code", aws.MFACode(MFASerial))

			out := h.MustRun("aws-accounts", "role", "create", "--all", "--yes")
			if !strings.Contains(out, "trusts 123456789012 with MFA and its external ID") || strings.Count(out, "\ncreated  ") != 2 {
				t.Errorf("role create says %q", out)
			}
			if h.asked() != 1 {
				t.Errorf("asked for %d codes", h.asked())
			}
			h.MustRun("aws-accounts", "setup")
			if session == "none" { // then each role takes a code of its own
				if got := aws.CallsWith("AssumeRole", "AccessDenied"); got != 0 {
					t.Errorf("%d refused attempts to try the roles", got)
				}
				h.Write("code", aws.MFACode(MFASerial))
				aws.ResetCalls()
				for range 3 { // IAM's delay
					h.Run("aws-accounts", "assume", "one")
					aws.Advance(time.Minute)
					h.Write("code", aws.MFACode(MFASerial))
				}
			}
			who := h.MustRun("aws-accounts", "whoami", "one")
			if !strings.Contains(who, "arn:aws:sts::"+memberAccount(0)+":assumed-role/Operator/") {
				t.Errorf("whoami says %q", who)
			}
			if session == "token" {
				program, _ := findAWSCLI(t, "2")
				out, status := h.combined(program, "sts", "get-caller-identity", "--output", "text", "--profile", "two", "--endpoint-url", aws.URL())
				if status != 0 || !strings.Contains(out, memberAccount(1)) {
					t.Errorf("the AWS CLI: exit %d\n%s", status, out)
				}
			}
			if out := h.MustRun("aws-accounts", "role", "show", "one"); !strings.Contains(out, "Matches   yes\n") {
				t.Errorf("role show says %q", out)
			}
		})
	}
}

// An administrator's whole way: the organization's accounts, a role in each, a profile for each, and a client that uses one.
func TestFromAnOrganizationToAClient(t *testing.T) {
	t.Parallel()
	const n = 45
	world, _ := organization(n, "")
	world.Organization = &standin.Organization{ManagementAccount: MainAccount}
	for i := range n {
		world.Organization.Members = append(world.Organization.Members, standin.OrgMember{ID: memberAccount(i), Name: fmt.Sprintf("Team %d", i)})
	}
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "main", "account_id": "` + MainAccount + `"}]}`)
	h.MustRun("aws-accounts", "sync", "organizations", "--yes") // with the role that AWS makes, which --all then leaves alone
	h.MustRun("aws-accounts", "sync", "organizations", "--role=Reader", "--yes")
	h.MustRun("aws-accounts", "role", "create", "--all", "--yes")
	h.MustRun("aws-accounts", "setup")
	if created(aws) != n {
		t.Errorf("%d roles made", created(aws))
	}
	program, _ := findAWSCLI(t, "1")
	for _, i := range []int{0, 21, n - 1} {
		out, status := h.combined(awsIdentity(program, fmt.Sprintf("Team-%d-Reader", i), aws)...)
		if status != 0 || !strings.Contains(out, ":"+memberAccount(i)+":assumed-role/Reader/") {
			t.Errorf("exit %d\n%s", status, out)
		}
	}
}

// Ctrl-C: what is begun is finished and told, the rest isn't begun; the same command then does the rest.
func TestRoleCreateInterrupted(t *testing.T) {
	t.Parallel()
	const n = 100
	world, file := organization(n, "")
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(file)
	aws.Fault(standin.Fault{Operation: "CreateRole", Kind: standin.Slow, Delay: 300 * time.Millisecond})

	cmd := h.Command("aws-accounts", "role", "create", "--all", "--yes")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := aws.WaitCalls(ctx, "CreateRole", 5); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	done := strings.Count(stdout.String(), "\ncreated  ")
	want := fmt.Sprintf("aws-accounts: stopped: %d of %d roles are still to be made\nhint: the same command goes on with the rest\n", n-done, n)
	if cmd.ProcessState.ExitCode() != 1 || stderr.String() != want || done == 0 || done == n {
		t.Errorf("exit %d, %d done, %q", cmd.ProcessState.ExitCode(), done, stderr.String())
	}
	if created(aws) != done || aws.CallsWith("AttachRolePolicy", "ok") != done {
		t.Errorf("%d roles made, %d have their policy, %d told", created(aws), aws.CallsWith("AttachRolePolicy", "ok"), done)
	}
	aws.ClearFaults()
	h.MustRun("aws-accounts", "role", "create", "--all", "--yes")
	if created(aws) != n || aws.Calls("CreateRole") != n {
		t.Errorf("%d roles made by %d calls", created(aws), aws.Calls("CreateRole"))
	}
}

// A role that our own policies keep us out of is made, and that is said at once, as waiting wouldn't help.
func TestRoleMadeButNotForUs(t *testing.T) {
	t.Parallel()
	world, file := organization(30, "")
	aws := standin.Start(t, world)
	aws.SetDenials(standin.Denial{Principal: "arn:aws:iam::" + MainAccount + ":user/" + User, Action: "sts:AssumeRole", Resource: "*:role/Reader", Explicit: true})
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(file)
	out, errs, status := h.Run("aws-accounts", "role", "create", "--all", "--yes")
	if status != 1 || !strings.Contains(errs, "aws-accounts: 30 accounts failed\nhint: ask an administrator to take the Deny of sts:AssumeRole out") {
		t.Errorf("exit %d\n%s", status, errs)
	}
	if want := "failed   member029: made, but assuming it fails: arn:aws:iam::123456789012:user/alice is not allowed to assume arn:aws:iam::300000000029:role/Reader, with an explicit deny in an identity-based policy (AccessDenied)\n"; !strings.Contains(out, want) || created(aws) != 30 {
		t.Errorf("%d roles made\n%s", created(aws), out)
	}
	if got := aws.Calls("AssumeRole"); got != 60 {
		t.Errorf("%d calls of AssumeRole", got)
	}
}

// The answer to CreateRole gets lost: the role is there, ours, and gets its policy.
func TestRoleCreateAnswerLost(t *testing.T) {
	t.Parallel()
	world, file := organization(1, "")
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(file)
	aws.Fault(standin.Fault{Operation: "CreateRole", Kind: standin.ResetMidAnswer, Count: 1})
	if out := h.MustRun("aws-accounts", "role", "create", "member000", "--yes"); !strings.Contains(out, "created  member000") && !strings.Contains(out, "changed  member000") {
		t.Errorf("role create says %q", out)
	}
	if out := h.MustRun("aws-accounts", "role", "show", "member000"); !strings.Contains(out, "Policies  ReadOnlyAccess\n") || !strings.Contains(out, "Matches   yes\n") {
		t.Errorf("role show says %q", out)
	}
}

// What the module says is what Terraform reads, and nothing in a name or an external ID is read as anything else.
func TestRoleTerraform(t *testing.T) {
	t.Parallel()
	program, version := findTerraform(t)
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"accounts": [{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `"},
		{"name": "odd", "role_arn": "arn:aws:iam::` + DevAccount + `:role/${path}%{if}\"a\\/$${b}/Odd", "external_id": "x=1,y", "duration": "90m", "session_tags": {"a": "b"}}]}`)
	module := h.MustRun("aws-accounts", "role", "policy", "odd", "--terraform", "--policy=ReadOnlyAccess", "--policy=SecurityAudit")
	h.Write("module/main.tf", module)
	if out, status := h.combined(program, "fmt", "-check", "-diff", "module"); status != 0 {
		t.Fatalf("%s: not as terraform fmt has it:\n%s", version, out)
	}

	// The values, as Terraform itself evaluates them, without the provider.
	value := func(name string) string {
		m := regexp.MustCompile(`(?ms)^  ` + name + ` += (.*?\n?)(?:^  \w|^$)`).FindStringSubmatch(module)
		if m == nil {
			t.Fatalf("no %s in\n%s", name, module)
		}
		return m[1]
	}
	h.Write("values/main.tf", "output \"trust\" {\n  value = "+value("assume_role_policy")+"}\noutput \"path\" {\n  value = "+value("path")+"}\n")
	if out, status := h.combined(program, "-chdir=values", "apply", "-no-color", "-input=false", "-auto-approve"); status != 0 {
		t.Fatalf("%s: exit %d\n%s", version, status, out)
	}
	path, _ := h.combined(program, "-chdir=values", "output", "-raw", "path")
	trust, _ := h.combined(program, "-chdir=values", "output", "-raw", "trust")
	if path != `/${path}%{if}"a\/$${b}/` {
		t.Errorf("the path is %q", path)
	}
	var documents struct {
		Trust any `json:"trust_policy"`
	}
	var of any
	if err := json.Unmarshal([]byte(h.MustRun("aws-accounts", "role", "policy", "odd")), &documents); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(trust), &of); err != nil || fmt.Sprint(of) != fmt.Sprint(documents.Trust) {
		t.Errorf("the trust policy is %s, not %v (%v)", trust, documents.Trust, err)
	}

	// With the provider, where this machine has a mirror of it.
	const mirror = "/opt/tf-plugins"
	if found, _ := filepath.Glob(mirror + "/*/hashicorp/aws"); len(found) == 0 {
		t.Log("terraform validate not tried: no mirror of the AWS provider in " + mirror)
		return
	}
	for _, arguments := range [][]string{{"init", "-plugin-dir=" + mirror, "-input=false"}, {"validate"}} {
		if out, status := h.combined(append([]string{program, "-chdir=module"}, arguments...)...); status != 0 {
			t.Errorf("%s: terraform %s: exit %d\n%s", version, arguments[0], status, out)
		}
	}
}

// moto, another's IAM: 45 accounts, their roles made, changed and deleted.
func TestRolesInMoto(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("moto_server"); err != nil {
		without(t, "moto", "moto_server isn't on PATH")
	}
	moto := standin.Moto(t)
	for i := range 45 { // moto takes seconds for each account's copy of AWS's own policies
		createPolicyInMoto(t, moto, memberAccount(i))
	}
	_, file := organization(45, `, "external_id": "a+b"`)
	aws := standin.Start(t, World()) // for the home alone
	h := NewHome(t, aws, FileKeychain()...)
	h.Env = append(h.Env, "AWS_ENDPOINT_URL="+moto, "AWS_ENDPOINT_URL_STS="+moto)
	h.Accounts(file)
	const policy = "--policy=arn:aws:iam::ACCOUNT:policy/Mine"
	for _, step := range []struct {
		says      string
		arguments []string
	}{
		{"\ncreated  member044: arn:aws:iam::300000000044:role/Reader\n", []string{"role", "create", "--all", "--yes", policy}},
		{"45 roles as they should be\n", []string{"role", "create", "--all", policy}},
		{"changed  member007: ", []string{"role", "create", "member007", "--yes", "--trust=111111111111"}},
		{"Matches   yes\n", []string{"role", "show", "member007", "--trust=111111111111"}},
		{"deleted  member007: ", []string{"role", "delete", "member007", "--yes"}},
		{"44 roles as they should be\n", []string{"role", "create", "--all", "--yes", policy}},
		{"arn:aws:sts::300000000007:assumed-role/Reader/", []string{"whoami", "member007"}},
	} {
		if out := h.MustRun("aws-accounts", step.arguments...); !strings.Contains(out, step.says) {
			t.Errorf("%q says\n%s", step.arguments, out)
		}
	}
}

func createPolicyInMoto(t *testing.T, moto, account string) {
	t.Helper()
	form := url.Values{"Action": {"CreatePolicy"}, "Version": {"2010-05-08"}, "PolicyName": {"Mine"},
		"PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}}
	r, err := http.NewRequest("POST", moto, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Moto-Account-Id", account)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("CreatePolicy: %s", answer.Status)
	}
}
