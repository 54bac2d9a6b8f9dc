package owned

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"aws-accounts/internal/hint"
)

// give replaces an access list by one in Microsoft's security descriptor language; ME is the user.
func give(t *testing.T, path, list string) {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	access, err := windows.SecurityDescriptorFromString(strings.ReplaceAll(list, "ME", user.User.Sid.String()))
	if err != nil {
		t.Fatal(err)
	}
	dacl, _, err := access.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWritableByOthers(t *testing.T) {
	const mine = "(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;ME)"
	for name, test := range map[string]struct {
		file, folder, above string
		refused             string // what is named as writable
	}{
		"mine":                                {file: "D:P" + mine},
		"others may read":                     {file: "D:P" + mine + "(A;;FR;;;WD)", folder: "D:P" + mine + "(A;;FRFX;;;WD)"},
		"everybody may write":                 {file: "D:P" + mine + "(A;;FRFW;;;WD)", refused: "file"},
		"everybody may swap it in its folder": {folder: "D:P" + mine + "(A;;FA;;;WD)", refused: "folder"},
		"everybody may swap the folder":       {above: "D:P" + mine + "(A;;FA;;;WD)", refused: "above"},
	} {
		t.Run(name, func(t *testing.T) {
			above := filepath.Join(t.TempDir(), "above")
			folder := filepath.Join(above, "folder")
			path := filepath.Join(folder, "file")
			if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(path, []byte("{}"), 0o600)); err != nil {
				t.Fatal(err)
			}
			for p, list := range map[string]string{path: test.file, folder: test.folder, above: test.above} {
				if list == "" {
					list = "D:P" + mine
				}
				give(t, p, list)
			}
			trouble, err := File(path)
			if err == nil {
				err = trouble.Err(path, "it names commands")
			}
			if test.refused == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.refused+" can be written by ") || hint.Of(err) == "" {
				t.Errorf("error %v, hint %q", err, hint.Of(err))
			}
			t.Log(err, "->", hint.Of(err))
		})
	}
}

// Whom Windows lets in everywhere, or whom it can't mean alone.
func TestTrusted(t *testing.T) {
	user, err := windows.StringToSid("S-1-5-21-1-2-3-1001")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"S-1-5-21-1-2-3-1001": true,
		"S-1-5-21-1-2-3-1002": false, // another user
		"S-1-5-21-1-2-3-500":  true,  // Administrator
		"S-1-5-21-1-2-3-512":  true,  // Domain Admins
		"S-1-5-21-1-2-3-513":  false, // Domain Users
		"S-1-5-18":            true,
		"S-1-5-32-544":        true,
		"S-1-5-32-545":        false, // Users
		"S-1-5-11":            false, // Authenticated Users
		"S-1-1-0":             false, // Everyone
		"S-1-15-2-1":          true,  // all app packages
	} {
		who, err := windows.StringToSid(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := trusted(who, user); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
