package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aws-accounts/cache"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// List is `aws-accounts keys list`.
type List struct {
	JSON bool `name:"json" help:"Write one JSON document."`
}

// listedKeys is a stable contract, as --json writes it.
type listedKeys struct {
	Account     string     `json:"account"`
	AccountID   string     `json:"account_id,omitempty"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	User        string     `json:"user,omitempty"`
	Stored      *time.Time `json:"stored,omitempty"`
	State       string     `json:"state"` // ok, rotating, damaged, missing
}

// Run shows what is in the keychain, never a secret, and doesn't ask AWS. Accounts that should have a key there and have
// none are shown too.
func (c *List) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	names, err := r.Sessions.Keychain.KeysAccounts(ctx)
	if err != nil {
		return err
	}
	ids := map[string]string{} // of the accounts that should have a key
	if file, err := r.Accounts.File(); err == nil {
		for a := range file.All() {
			if a.Way().Keychain {
				ids[strings.ToLower(a.Name)] = a.AccountID
				names = append(names, strings.ToLower(a.Name))
			}
		}
	}
	slices.Sort(names)
	all := []listedKeys{}
	for _, name := range slices.Compact(names) {
		keys, err := r.Sessions.Keychain.LoadKeys(ctx, name)
		id, should := ids[name]
		switch {
		case errors.Is(err, cache.ErrNotFound):
			if should {
				all = append(all, listedKeys{Account: name, AccountID: id, State: "missing"})
			}
		case errors.Is(err, cache.ErrCorrupt):
			all = append(all, listedKeys{Account: name, AccountID: id, State: "damaged"})
		case err != nil:
			return err
		default:
			state := "ok"
			if keys.Rotation != nil {
				state = "rotating"
			}
			all = append(all, listedKeys{keys.Account, keys.AccountID, keys.Current.ID, keys.User, &keys.Current.Stored, state})
		}
	}
	if c.JSON {
		return tui.JSON(stdout, all, "  ")
	}
	if len(all) == 0 {
		fmt.Fprintln(stdout, "no access keys in the keychain")
		tui.Say(stdout, "next: `aws-accounts keys import` moves those of ~/.aws/credentials there")
		return nil
	}
	table := tui.Table{Header: []string{"NAME", "ACCOUNT", "ACCESS KEY", "AGE", "STATE", "USER"}, Shrink: []int{5}}
	for _, k := range all {
		table.Rows = append(table.Rows, []tui.Cell{{Text: k.Account, Style: tui.Bold}, {Text: k.AccountID}, {Text: k.AccessKeyID},
			age(k.Stored, r.Sessions.Now()), state(k), {Text: k.User, Style: tui.Faint}})
	}
	return table.Write(stdout, tui.ScreenOf(stdout))
}

// rotateAfter is when a key counts as old: AWS's own advice is to rotate every 90 days.
const rotateAfter = 90 * 24 * time.Hour

func age(stored *time.Time, now time.Time) tui.Cell {
	if stored == nil {
		return tui.Cell{}
	}
	since := now.Sub(*stored)
	cell := tui.Cell{Text: fmt.Sprintf("%d days", int(since.Hours()/24))}
	switch {
	case since < 24*time.Hour:
		cell.Text = "today"
	case since < 48*time.Hour:
		cell.Text = "1 day"
	}
	if since > rotateAfter {
		cell.Style = tui.Yellow
	}
	return cell
}

func state(k listedKeys) tui.Cell {
	switch k.State {
	case "rotating":
		return tui.Cell{Text: "rotation not finished: `keys rotate " + k.Account + "`", Style: tui.Yellow}
	case "damaged":
		return tui.Cell{Text: "damaged: `keys add " + k.Account + " --replace`", Style: tui.Red}
	case "missing":
		return tui.Cell{Text: "no key: `keys add " + k.Account + "`", Style: tui.Red}
	}
	return tui.Cell{Text: "ok", Style: tui.Green}
}
