package stage

import (
	"strings"
	"testing"
)

// Somebody may make an entry his own while --prune asks whether to remove it.
func TestPruneLooksAgainBehindTheQuestion(t *testing.T) {
	t.Parallel()
	h := NewHome(t, startStageAWS(t, ""), FileKeychain()...)
	file := func(gone string) string {
		const end = `:role/OrganizationAccountAccessRole"`
		return `{"accounts": [
  {"name": "main", "account_id": "` + MainAccount + `"},
  {"name": "gone", "role_arn": "arn:aws:iam::777777777777` + end + gone + `},
  {"name": "dev", "role_arn": "arn:aws:iam::` + DevAccount + end + `},
  {"name": "prod", "role_arn": "arn:aws:iam::` + ProdAccount + end + `}
]}`
	}
	const synced = `, "synced": {"from": "o-standin000", "role": "OrganizationAccountAccessRole", "name": "Gone"}`
	for meanwhile, stays := range map[string]bool{file(`, "description": "mine now"`): true, file(synced): false} {
		h.Accounts(file(synced))
		cmd := h.Command("aws-accounts", "sync", "organizations", "--prune")
		terminal := onTerminal(t, cmd)
		const question = "1 removed? [y/N] "
		for !strings.Contains(terminal.shown(), question) {
			<-terminal.more
		}
		h.Accounts(meanwhile)
		terminal.answer(t, question, "y")
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if out := h.MustRun("aws-accounts", "list"); strings.Contains(out, "gone") != stays {
			t.Errorf("meanwhile %s\n%s", meanwhile, out)
		}
	}
}
