//go:build !windows

package stage

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// Two containers of two accounts share a home: neither is ever handed what the other has got, warm or cold, nor the
// session of a role that both may assume.
func TestTwoContainers(t *testing.T) {
	t.Parallel()
	world := World()
	const otherRole = "arn:aws:iam::222222222222:role/Job"
	world.Containers = []standin.Container{{Role: MachineRole, Token: "first"}, {Role: otherRole, Token: "second"}}
	world.Roles = append(world.Roles, standin.Role{ARN: otherRole})
	for i := range world.Roles {
		if world.Roles[i].ARN == DevRole {
			world.Roles[i].Trust.Principals = []string{MainAccount, "222222222222"}
		}
	}
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"accounts": [{"name": "here", "credentials": {"instance": true}},
		{"name": "dev", "role_arn": "` + DevRole + `"}]}`)
	issued := map[string]int{} // to which container
	for round := range 3 {
		for i, role := range []string{MachineRole, otherRole} {
			for _, name := range []string{"here", "dev"} {
				g := h.process(name, aws.ContainersEnv(i)...)
				var c struct{ AccessKeyId string }
				if err := json.Unmarshal([]byte(g.stdout), &c); err != nil || c.AccessKeyId == "" || g.stderr != "" {
					t.Fatalf("process %s in container %d: exit %d, stderr %q", name, i, g.status, g.stderr)
				}
				if owner, known := issued[c.AccessKeyId]; known && owner != i {
					t.Errorf("round %d: process %s in container %d handed out the session of container %d", round, name, i, owner)
				}
				issued[c.AccessKeyId] = i
			}
			cmd := h.Command("aws-accounts", "whoami", "here")
			cmd.Env = slices.Concat(cmd.Env, aws.ContainersEnv(i))
			out, err := cmd.CombinedOutput()
			who := strings.NewReplacer(":iam:", ":sts:", ":role/", ":assumed-role/").Replace(role) + "/"
			if err != nil || !strings.Contains(string(out), who) {
				t.Errorf("round %d: whoami here in container %d: %v\n%s", round, i, err, out)
			}
		}
	}
}

// The credentials of a container are asked of the container: a proxy isn't told the token that opens them.
func TestContainerPastTheProxy(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := behindProxy(t, aws)
	h.Env = append(h.Env, "AWS_CA_BUNDLE=~/ca.pem",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/container/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=first",
		"no_proxy=", "NO_PROXY=")
	h.Accounts(`{"accounts": [{"name": "here", "credentials": {"instance": true}}]}`)
	h.Run("aws-accounts", "process", "here") // nobody is at that address
	for _, call := range aws.Log() {
		t.Errorf("the proxy was asked for %s of %s", call.Operation, call.Host)
	}
}

// Who alternates between two endpoints has both warm: a session of one neither stands in for the other's nor pushes it
// out.
func TestAlternatingEndpoints(t *testing.T) {
	t.Parallel()
	first := standin.Start(t, World())
	world := World()
	world.Users[0].Keys = []standin.AccessKey{first.Key(User)}
	second := standin.Start(t, world)
	h := NewHome(t, first, FileKeychain()...)
	h.Accounts(shapedAccounts)
	browser, opened := h.browser(follows)
	h.Env = append(h.Env, browser)
	commands := []string{
		"process dev", "process prod", "process main", "process audit", "exec prod -- true", "env dev", "list",
	}
	for round := range 3 {
		for i, aws := range []*standin.Server{first, second} {
			aws.ResetCalls()
			for _, line := range commands {
				cmd := h.Command("aws-accounts", strings.Fields(line)...)
				cmd.Env = slices.Concat(cmd.Env, aws.Env())
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", line, err, out)
				}
			}
			if n := aws.Calls("*"); (n > 0) != (round == 0) {
				t.Errorf("round %d: %d calls of endpoint %d: %+v", round, n, i, aws.Log())
			}
		}
	}
	if n := opened(); n != 2 {
		t.Errorf("%d sign-ins at two endpoints", n)
	}
}

// What `exec` and `env` start has the region that `--profile dev` has, by whomever it was written there.
func TestRegionOfTheProfile(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.without("AWS_REGION=")
	h.Accounts(shapedAccounts)
	h.Write(".aws/config", "[default]\nregion = eu-north-1\n")
	h.MustRun("aws-accounts", "setup")
	if _, err := exec.LookPath("aws"); err == nil {
		h.MustRun("aws", "configure", "set", "region", "ap-south-1", "--profile", "dev")
	} else {
		h.inProfiles(".aws/config", inAccounts, "region = ap-south-1")
	}
	const shows = "echo $AWS_REGION $AWS_DEFAULT_REGION"
	for _, c := range [][]string{
		{"aws-accounts", "exec", "dev", "--", "sh", "-c", shows},
		{"aws-accounts", "exec", "--server", "dev", "--", "sh", "-c", shows},
		{"sh", "-c", `eval "$(aws-accounts env dev --shell sh)"; ` + shows},
	} {
		if out := h.MustRun(c[0], c[1:]...); out != "ap-south-1 ap-south-1\n" {
			t.Errorf("%v: %q", c, out)
		}
	}
	if out := h.MustRun("aws-accounts", "env", "dev", "--json"); strings.Count(out, `"ap-south-1"`) != 2 {
		t.Errorf("env dev --json lacks the region\n%s", fmt.Sprint(strings.Count(out, "ap-south-1")))
	}
}

// Only the base's profile says that credentials begin in another partition: every command asks there.
func TestRegionOfAnotherPartition(t *testing.T) {
	t.Parallel()
	const account, role = "444455556666", "arn:aws-us-gov:iam::777788889999:role/Reader"
	aws := standin.Start(t, standin.Config{
		Accounts: []standin.Account{{ID: account, Partition: "aws-us-gov"}},
		Users:    []standin.User{{Account: account, Name: User}},
		Roles:    []standin.Role{{ARN: role, Trust: standin.Trust{Principals: []string{account}}}},
		Organization: &standin.Organization{ManagementAccount: account,
			Members: []standin.OrgMember{{ID: account}, {ID: "777788889999"}}},
	})
	h := behindProxy(t, aws)
	h.Env = append(h.Env, "AWS_CA_BUNDLE=~/ca.pem")
	h.Write(".aws/config", "[default]\nregion = us-gov-west-1\n")
	h.Accounts(`{"accounts": [{"name": "main", "account_id": "` + account + `"},
		{"name": "dev", "role_arn": "` + role + `"}]}`)
	for _, line := range []string{
		"process main", "process dev", "whoami", "whoami main", "sync organizations --dry-run", "console dev --print",
		"role show dev", "keys import --remove", "assume dev --refresh", "keys rotate main", "doctor dev",
	} {
		aws.ResetCalls()
		_, errs, status := h.Run("aws-accounts", strings.Fields(line)...)
		if status != 0 && !strings.HasPrefix(line, "doctor") && !strings.HasPrefix(line, "role") {
			t.Errorf("%s: exit %d\n%s", line, status, errs)
		}
		for _, call := range aws.Log() {
			if call.Host != "signin.amazonaws-us-gov.com" && !strings.Contains(call.Host, "us-gov") {
				t.Errorf("%s: %s went to %s", line, call.Operation, call.Host)
			}
		}
	}
}

// A refusal of the region names it, also where only ~/.aws does.
func TestRegionThatIsDisabled(t *testing.T) {
	t.Parallel()
	world := World()
	world.Accounts = append(world.Accounts, standin.Account{ID: MainAccount, DisabledRegions: []string{"me-south-1"}})
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.without("AWS_REGION=")
	h.Accounts(shapedAccounts)
	h.Write(".aws/config", "[default]\nregion = me-south-1\n")
	_, errs, status := h.Run("aws-accounts", "process", "main")
	if status != 1 || !strings.Contains(errs, "STS is not enabled in the region me-south-1 (") {
		t.Errorf("exit %d\n%s", status, errs)
	}
}
