package stage

import (
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// Which of the two policies refuses: doctor says it, and what to put there.
func TestDoctorNamesThePolicy(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	home := NewHome(t, aws, FileKeychain()...)
	home.Accounts(`{"accounts": [{"name": "dev", "role_arn": "` + DevRole + `"}]}`)
	home.MustRun("aws-accounts", "setup")
	user := "arn:aws:iam::" + MainAccount + ":user/" + User
	for _, c := range []struct {
		name    string
		denials []standin.Denial
		want    string
	}{
		{"none", nil, "AWS lets your base credentials assume " + DevRole + " for 1h"},
		{"not granted", []standin.Denial{{Principal: user, Action: "sts:AssumeRole"}},
			`-> allow ` + user + ` to assume the role: {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "` + DevRole + `"}`},
		{"denied", []standin.Denial{{Principal: user, Action: "sts:AssumeRole", Explicit: true}},
			`-> ask an administrator to take the Deny of sts:AssumeRole out of the policies of ` + user},
		{"not told", []standin.Denial{{Principal: user, Action: "sts:AssumeRole"}, {Principal: user, Action: "iam:*"}},
			"-> check that the role exists, that its trust policy names account " + MainAccount + " or the caller"},
	} {
		aws.SetDenials(c.denials...)
		out, stderr, status := home.Run("aws-accounts", "doctor", "dev")
		if !strings.Contains(out, c.want) || stderr != "" || (status == 0) != (c.denials == nil) {
			t.Errorf("%s: exit %d\n%s%s", c.name, status, out, stderr)
		}
	}
	if err := NoSecrets(home.Dir, aws); err != nil {
		t.Error(err)
	}
}
