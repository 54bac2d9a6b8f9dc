package process

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// LogCommand is `aws-accounts log`: reads the access log.
type LogCommand struct {
	JSON    bool          `name:"json" help:"Write the entries as they are, one JSON object a line."`
	Since   time.Duration `help:"Only entries of the last so long." placeholder:"2h"`
	Account string        `help:"Only entries of this account." placeholder:"NAME"`
}

// Run writes the entries that match, oldest first.
func (c *LogCommand) Run(log *AccessLog, stdout io.Writer) error {
	entries, err := ReadLog(log.Path)
	if err != nil {
		return fmt.Errorf("reading the access log: %w", err)
	}
	encode := json.NewEncoder(stdout)
	for _, e := range entries {
		if c.Since > 0 && log.Now().Sub(e.Time) > c.Since || c.Account != "" && !strings.EqualFold(c.Account, e.Account) {
			continue
		}
		if c.JSON {
			err = encode.Encode(e)
		} else {
			_, err = fmt.Fprintln(stdout, e.line())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// line says an entry in one line: when, which account, what came of it, by whom, how long it took.
func (e *Entry) line() string {
	account := e.Account
	if account == "" {
		account = "-"
	}
	what := e.Error
	if e.Outcome == OutcomeOK {
		what = e.RoleARN
		if e.Expiration != nil {
			what = strings.TrimSpace(what + " until " + e.Expiration.Local().Format("15:04"))
		}
	}
	line := fmt.Sprintf("%s  %-16s %-8s %s", e.Time.Local().Format(time.DateTime), account, e.Outcome, what)
	if e.DurationMS > 0 {
		line += fmt.Sprintf(" (%d ms", e.DurationMS)
		if e.Caller != "" {
			line += ", " + e.Caller
		}
		line += ")"
	}
	return line
}
