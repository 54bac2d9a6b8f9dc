//go:build !windows

package stage

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// What a sync of 10,000 accounts may take, at so much for each page: of the processor, as a busy machine lets everything wait.
const (
	manyAccounts = 10_000
	pageTime     = 50 * time.Millisecond
	syncTime     = 10 * time.Second
	syncMemory   = 100 // MiB
)

// measured runs us, and returns what it wrote, how much time of the processor it took, and how much memory in MiB.
func (h *Home) measured(args ...string) (stdout string, took time.Duration, memory int64) {
	h.t.Helper()
	peak := filepath.Join(h.Dir, "peak") // which says why it's a program of its own
	if _, err := os.Stat(peak); err != nil {
		if out, err := exec.Command("go", "build", "-o", peak, "aws-accounts/internal/test/bench/peak").CombinedOutput(); err != nil {
			h.t.Fatalf("building peak: %v\n%s", err, out)
		}
	}
	cmd := h.Command(peak, append([]string{Binary(h.t)}, args...)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	began := time.Now()
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		h.t.Fatalf("%v: %v\n%s%s", args, err, out, errs.String())
	}
	took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	h.t.Logf("%v: after %v", args, time.Since(began).Round(10*time.Millisecond))
	end := bytes.LastIndexByte(bytes.TrimSuffix(out, []byte("\n")), '\n') + 1
	if _, err := fmt.Sscan(string(out[end:]), &memory); err != nil {
		h.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out[:end]), took, memory >> 20
}

// numbered is an AWS account's ID.
func numbered(i int) string { return fmt.Sprintf("2%011d", i) }

// From an organization of 10,000 to roles and profiles that work. Its accounts are in units of 100, some of which are in others,
// and a page has 20, which is AWS's most. Roles are made in a sample: AWS's limits let 10,000 take minutes.
func TestSyncOfTenThousand(t *testing.T) {
	t.Parallel()
	world := World()
	o := &standin.Organization{ManagementAccount: MainAccount}
	for i := range manyAccounts {
		unit := fmt.Sprintf("ou-ab12-%08d", i/100)
		if i%100 == 0 {
			parent := ""
			if i/100 >= 50 {
				parent = fmt.Sprintf("ou-ab12-%08d", i/100-50)
			}
			o.Units = append(o.Units, standin.OrgUnit{ID: unit, Parent: parent})
		}
		o.Members = append(o.Members, standin.OrgMember{ID: numbered(i), Name: fmt.Sprintf("Team %d", i), Parent: unit})
	}
	world.Organization = o
	sample := []int{0, 4711, manyAccounts - 1}
	for _, i := range sample {
		world.Roles = append(world.Roles, standin.Role{ARN: "arn:aws:iam::" + numbered(i) + ":role/OrganizationAccountAccessRole", Trust: standin.Trust{Principals: []string{MainAccount}}})
	}
	aws := standin.Start(t, world)
	aws.Fault(standin.Fault{Operation: "organizations:*", Kind: standin.Slow, Delay: pageTime})
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "main", "account_id": "` + MainAccount + `"}]}`)

	out, took, memory := h.measured("sync", "organizations", "--role=Reader", "--yes")
	if !strings.Contains(out, "o-standin000: 10000 new\n") || !strings.Contains(out, "… 9980 more") {
		t.Errorf("it says\n%s", out)
	}
	t.Logf("sync: %v, %d MiB, %d calls", took.Round(10*time.Millisecond), memory, aws.Calls("organizations:*"))
	out, again, more := h.measured("sync", "organizations", "--role=Reader", "--yes")
	if !strings.Contains(out, "o-standin000: 10000 up to date\n") {
		t.Errorf("the second time it says\n%s", out)
	}
	t.Logf("sync again: %v, %d MiB", again.Round(10*time.Millisecond), more)
	if max(took, again) > syncTime || max(memory, more) > syncMemory {
		t.Errorf("they took %v and %v, %d and %d MiB", took, again, memory, more)
	}
	if n := aws.Calls("ListAccounts"); n >= 2*manyAccounts/20 {
		t.Errorf("%d pages of the one long list: it was through before the walk", n)
	}
	create := []string{"aws-accounts", "role", "create", "--yes"}
	for _, i := range sample {
		create = append(create, fmt.Sprintf("Team-%d", i))
	}
	h.MustRun(create[0], create[1:]...)
	_, took, memory = h.measured("setup")
	t.Logf("setup: %v, %d MiB", took.Round(10*time.Millisecond), memory)
	for _, i := range sample {
		h.works(aws.URL(), fmt.Sprintf("Team-%d", i), "::"+numbered(i)+":assumed-role/Reader/")
	}

	// A thousand are gone: then the list counts that misses none, however long it takes.
	aws.ClearFaults()
	aws.SetMembers(o.Members[1000:]...)
	out, took, _ = h.measured("sync", "organizations", "--role=Reader", "--yes", "--prune")
	if !strings.Contains(out, "1000 gone, 9000 up to date") || !strings.Contains(out, "removed  [profile Team-0]") {
		t.Errorf("with a thousand gone it says\n%.2000s", out)
	}
	t.Logf("sync --prune: %v", took.Round(10*time.Millisecond))
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// works reports an account whose profile doesn't give the AWS CLI credentials for arn.
func (h *Home) works(endpoint, profile, arn string) {
	h.t.Helper()
	cli, _ := findAWSCLI(h.t.(*testing.T), "1")
	began := time.Now()
	if out, status := h.combined(cli, "sts", "get-caller-identity", "--output=text", "--profile="+profile, "--endpoint-url="+endpoint); status != 0 || !strings.Contains(out, arn) {
		h.t.Errorf("%s: exit %d\n%s", profile, status, out)
	}
	h.t.Logf("aws sts get-caller-identity --profile %s: %v", profile, time.Since(began).Round(10*time.Millisecond))
}

// From Identity Center: 10,000 accounts, two permission sets in one of them.
func TestSyncSSOOfTenThousand(t *testing.T) {
	t.Parallel()
	world := World()
	c := standin.IdentityCenter{StartURL: StartURL, Region: "eu-west-1"}
	for i := range manyAccounts {
		world.Accounts = append(world.Accounts, standin.Account{ID: numbered(i), Name: fmt.Sprintf("Team %d", i)})
		c.Assignments = append(c.Assignments, standin.Assignment{Account: numbered(i), Role: "ReadOnly"})
	}
	c.Assignments = append(c.Assignments, standin.Assignment{Account: numbered(7), Role: "Admin"})
	world.IdentityCenter = []standin.IdentityCenter{c}
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"defaults": {"region": "eu-west-1"}, "accounts": [], "sso_sessions": [{"name": "corp", "start_url": "` + StartURL + `", "region": "eu-west-1"}]}`)
	variable, _ := h.browser(follows)
	h.Env = append(h.Env, variable)
	h.MustRun("aws-accounts", "sso", "login")

	aws.Fault(standin.Fault{Operation: "sso:*", Kind: standin.Slow, Delay: pageTime})
	out, took, memory := h.measured("sync", "sso", "--yes")
	if !strings.Contains(out, "corp: 10001 new\n") {
		t.Errorf("it says\n%.2000s", out)
	}
	t.Logf("sync sso: %v, %d MiB, %d calls", took.Round(10*time.Millisecond), memory, aws.Calls("sso:*"))
	if took > 2*syncTime || memory > syncMemory { // a call for each account, not one for 20 of them
		t.Errorf("it took %v and %d MiB", took, memory)
	}
	aws.ClearFaults()
	h.measured("setup")
	h.works(aws.URL(), "Team-7-Admin", "AWSReservedSSO_Admin_")
	h.works(aws.URL(), "Team-9999", "AWSReservedSSO_ReadOnly_")
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// AWS gives Identity Center's portal 20 calls a second. However many accounts there are, and so many calls it refuses: the
// listing slows down, and comes to its end. Here it is 100 a second, for patience's sake.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/limits.html
func TestSyncSSOThrottled(t *testing.T) {
	t.Parallel()
	const accounts, perSecond = 1000, 100
	world := World()
	c := standin.IdentityCenter{StartURL: StartURL, Region: "eu-west-1"}
	for i := range accounts {
		c.Assignments = append(c.Assignments, standin.Assignment{Account: numbered(i), Role: "ReadOnly"})
	}
	world.IdentityCenter = []standin.IdentityCenter{c}
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"accounts": [], "sso_sessions": [{"name": "corp", "start_url": "` + StartURL + `", "region": "eu-west-1"}]}`)
	variable, _ := h.browser(follows)
	h.Env = append(h.Env, variable)
	h.MustRun("aws-accounts", "sso", "login")

	aws.Fault(standin.Fault{Operation: "sso:*", Kind: standin.Throttle, PerSecond: perSecond})
	out, took, _ := h.measured("sync", "sso", "--yes")
	all, done := aws.Calls("sso:*"), aws.CallsWith("sso:*", "ok")
	t.Logf("%d accounts at %d calls a second: %v, %d calls, %d of them refused", accounts, perSecond, took.Round(10*time.Millisecond), all, all-done)
	if !strings.Contains(out, fmt.Sprintf("corp: %d new\n", accounts)) {
		t.Errorf("it says\n%.2000s", out)
	}
	if all > 2*done {
		t.Errorf("%d of %d calls were refused", all-done, all)
	}
}

var motoAccount = regexp.MustCompile(`"AccountId": ?"([0-9]{12})"`)

// The whole way in moto, whose Organizations, IAM and STS aren't ours: 45 accounts in three pages, a role in each, and a client
// that uses some.
func TestFromMotoToAClient(t *testing.T) {
	t.Parallel()
	const members = 45
	if _, err := exec.LookPath("moto_server"); err != nil {
		without(t, "moto", "moto_server isn't on PATH")
	}
	moto := standin.Moto(t)
	ask := func(operation, body string) string {
		t.Helper()
		r, err := http.NewRequest("POST", moto+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "AWSOrganizationsV20161128."+operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Moto-Account-Id", MainAccount)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/organizations/aws4_request, SignedHeaders=host, Signature=x")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", operation, answer.Status, text)
		}
		return string(text)
	}
	ask("CreateOrganization", `{"FeatureSet": "ALL"}`)
	var ids []string
	for i := range members {
		created := ask("CreateAccount", fmt.Sprintf(`{"AccountName": "Team %d", "Email": "team%d@example.com"}`, i, i))
		id := motoAccount.FindStringSubmatch(created)
		if id == nil {
			t.Fatal(created)
		}
		createPolicyInMoto(t, moto, id[1]) // moto takes seconds for each account's copy of AWS's own policies
		ids = append(ids, id[1])
	}
	h := NewHome(t, standin.Start(t, World()), FileKeychain()...) // the stand-in is for the home alone
	h.Env = append(h.Env, "AWS_ENDPOINT_URL="+moto, "AWS_ENDPOINT_URL_STS="+moto)
	h.Accounts(`{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "main", "account_id": "` + MainAccount + `"}]}`)
	out, took, _ := h.measured("sync", "organizations", "--role=Reader", "--yes", "--setup")
	if !strings.Contains(out, ": 45 new, 1 left out\n") {
		t.Errorf("it says\n%s", out)
	}
	t.Logf("sync --setup: %v", took.Round(10*time.Millisecond))
	if out := h.MustRun("aws-accounts", "role", "create", "--all", "--yes", "--policy=arn:aws:iam::ACCOUNT:policy/Mine"); strings.Count(out, "\ncreated  Team-") != members {
		t.Errorf("role create says\n%s", out)
	}
	for _, i := range []int{0, 21, members - 1} {
		h.works(moto, fmt.Sprintf("Team-%d", i), "::"+ids[i]+":assumed-role/Reader/")
	}
	data, err := os.ReadFile(filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"))
	if err != nil || strings.Count(string(data), `"synced": {`) != members {
		t.Errorf("%d entries are marked (%v)", strings.Count(string(data), `"synced": {`), err)
	}
}
