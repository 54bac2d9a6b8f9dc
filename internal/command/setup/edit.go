package setup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
)

// Edit is `aws-accounts edit [NAME]`: sets fields of an account, or opens the file in an editor.
type Edit struct {
	Name          string  `arg:"" optional:"" help:"The account whose fields the flags give."`
	Defaults      bool    `help:"Set what holds for all accounts that don't say otherwise: --region, --duration, --profile-prefix."`
	ProfilePrefix *string `help:"With --defaults: what the profiles' names begin with." placeholder:"PREFIX"`
	Fields
}

// Run sets the fields given, or opens the editor where none is.
func (c *Edit) Run(r *accounts.Reader, asker *ask.Asker, stdout io.Writer) error {
	if c.ProfilePrefix != nil && !c.Defaults {
		return hint.Usage(errors.New("--profile-prefix is for all accounts"), "`aws-accounts edit --defaults --profile-prefix=%s`", hint.Word(*c.ProfilePrefix))
	}
	if !c.any() && !c.Defaults {
		return editInEditor(r, asker, stdout)
	}
	if c.Name == "" && !c.Defaults {
		return hint.Usage(errors.New("which account?"), "name it: `aws-accounts edit NAME --description=TEXT`")
	}
	if _, err := r.File(); err != nil { // which Change would make
		return err
	}
	var before, after []byte
	changed, err := r.Change(context.Background(), func(old []byte) (_ []byte, err error) {
		if before = old; c.Defaults {
			after, err = c.defaults(r.Path, old)
			return after, err
		}
		file, err := accounts.Parse(r.Path, old)
		if err != nil {
			return nil, err
		}
		a, err := file.Find(c.Name)
		if err != nil {
			return nil, err
		}
		list, err := c.list(file, a)
		if err != nil {
			return nil, err
		}
		after, err = accounts.Set(r.Path, old, a.Name, list...)
		return after, err
	})
	if err != nil {
		return err
	}
	if !changed {
		fmt.Fprintf(stdout, "%s: unchanged\n", tui.ShowPath(r.Path))
		return nil
	}
	fmt.Fprint(stdout, awsfiles.Diff(tui.ShowPath(r.Path), before, after))
	c.note(stdout)
	return nil
}

func (c *Edit) defaults(path string, old []byte) ([]byte, error) {
	list, err := c.list(&accounts.File{}, &accounts.Account{})
	if err != nil {
		return nil, err
	}
	for _, field := range list {
		if field.Name != "region" && field.Name != "duration" {
			return nil, hint.Usage(fmt.Errorf("%q is of one account, and no default", field.Name), "name the account instead of --defaults")
		}
	}
	if c.ProfilePrefix != nil {
		prefix := accounts.Field{Name: "profile_prefix"}
		if *c.ProfilePrefix != "" { // or the field is taken out
			if prefix, err = accounts.NewField(prefix.Name, *c.ProfilePrefix); err != nil {
				return nil, err
			}
		}
		list = append(list, prefix)
	}
	if len(list) == 0 || c.Name != "" {
		return nil, hint.Usage(errors.New("--defaults sets what holds for all accounts"), "`aws-accounts edit --defaults --region=eu-west-1`")
	}
	return accounts.SetDefaults(path, old, list...)
}

// editInEditor is visudo for the accounts file. Text that isn't saved in the end stays in the copy.
func editInEditor(r *accounts.Reader, asker *ask.Asker, stdout io.Writer) error {
	path := r.Path
	ctx := context.Background()
	old, err := accounts.ReadFile(path)
	if err != nil {
		return err
	}
	// Whoever names an editor may have a script for one.
	if err := asker.Attended(ctx); err != nil && chosenEditor() == "" {
		return hint.New(fmt.Errorf("no editor can be used here: %w", err), "`aws-accounts edit NAME --description=TEXT` changes an account by flags")
	}
	dir, err := os.MkdirTemp("", "aws-accounts-edit-")
	if err != nil {
		return fmt.Errorf("making a copy to edit: %w", err)
	}
	copied := filepath.Join(dir, "accounts.json")
	if err := os.WriteFile(copied, old, 0o600); err != nil {
		os.RemoveAll(dir)
		return fmt.Errorf("making a copy to edit: %w", err)
	}
	edited, err := editCopy(ctx, path, copied, old, asker, stdout)
	if err == nil && !bytes.Equal(edited, old) {
		_, err = r.Change(ctx, func(now []byte) ([]byte, error) {
			if !bytes.Equal(now, old) {
				return nil, fmt.Errorf("%s has changed meanwhile and stays as it is", tui.ShowPath(path))
			}
			return edited, nil
		})
	}
	if text, unread := os.ReadFile(copied); err != nil && unread == nil && !bytes.Equal(text, old) {
		return hint.New(err, "your text is in %s; `aws-accounts edit` begins again", copied)
	}
	os.RemoveAll(dir)
	switch {
	case err != nil:
		return err
	case bytes.Equal(edited, old):
		fmt.Fprintf(stdout, "%s: unchanged\n", tui.ShowPath(path))
	default:
		fmt.Fprintf(stdout, "%s: saved\n", tui.ShowPath(path))
	}
	return nil
}

// editCopy has the copy edited until what it says is right.
func editCopy(ctx context.Context, path, copied string, old []byte, asker *ask.Asker, stdout io.Writer) ([]byte, error) {
	for {
		if err := runEditor(copied); err != nil {
			return nil, err
		}
		edited, err := os.ReadFile(copied)
		if err != nil {
			return nil, fmt.Errorf("reading what was edited: %w", err)
		}
		if bytes.Equal(edited, old) {
			return edited, nil
		}
		_, wrong := accounts.Parse(path, edited)
		if wrong == nil {
			return edited, nil
		}
		fmt.Fprintln(stdout, wrong)
		again, err := asker.Confirm(ctx, "Go on editing? (No leaves the file as it was.)", true)
		if err != nil || !again {
			return nil, errors.New("the file stays as it was: what was edited is not right")
		}
	}
}

func chosenEditor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

func runEditor(path string) error {
	cmd := editorCommand(chosenEditor(), path)
	cmd.Env = private.Environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return hint.New(fmt.Errorf("the editor failed: %w", err), "set EDITOR to one that is installed, or use flags: `aws-accounts edit NAME --description=TEXT`")
	}
	return nil
}
