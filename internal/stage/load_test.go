package stage

import (
	"fmt"
	"strings"

	"aws-accounts/internal/standin"
)

// mfaAccounts are n roles of one source, which wants a code that a command prints and counts.
func mfaAccounts(n int) string {
	entries := []string{`{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `",
		"mfa_process": "echo asked >>$HOME/asked; cat $HOME/code"}`}
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"name": "role%d", "account_id": "%s", "role_arn": "arn:aws:iam::%s:role/Load%d"}`, i, DevAccount, DevAccount, i))
	}
	return `{"defaults": {"region": "eu-west-1"}, "accounts": [` + strings.Join(entries, ",\n") + "]}"
}

// loadWorld is an AWS with the roles of mfaAccounts, which demand MFA.
func loadWorld(n int) standin.Config {
	world := World()
	for i := range n {
		world.Roles = append(world.Roles, standin.Role{ARN: fmt.Sprintf("arn:aws:iam::%s:role/Load%d", DevAccount, i),
			Trust: standin.Trust{Principals: []string{MainAccount}, MFA: true}})
	}
	return world
}
