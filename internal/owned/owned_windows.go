package owned

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"

	"aws-accounts/internal/tui"
)

// File looks for those who can change the file at path or swap it for another: who may write it, and who may delete, move or
// take it or a folder on the way to it. Who may only add files to a folder can't put one in the place of ours.
//
// The user, the system and administrators are nobody else. A group is, even if the user is alone in it today.
func File(path string) (*Trouble, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	wrong, err := othersRights(target, changeFile, user.User.Sid)
	if err != nil {
		return nil, err
	}
	step := fmt.Sprintf("`icacls \"%s\" /inheritance:r /grant:r *%s:F *%s:F *%s:F`", tui.ShowPath(target), user.User.Sid, system, administrators)
	for _, way := range []string{abs, target} {
		for dir := filepath.Dir(way); ; dir = filepath.Dir(dir) {
			others, err := othersRights(dir, swapBelow, user.User.Sid)
			if err != nil {
				return nil, err
			}
			if len(others) > 0 {
				wrong = append(wrong, others...)
				step = `move the file to %AppData%\aws-accounts, which is yours alone`
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
		if abs == target {
			break
		}
	}
	if len(wrong) == 0 {
		return nil, nil
	}
	return &Trouble{Wrong: wrong, step: step}, nil
}

// Folder trusts that %LocalAppData% is the user's alone, as Windows makes it.
func Folder(string) (*Trouble, error) { return nil, nil }

// Mend leaves it to the user: the error says how.
func Mend(path, home string) (mended []string, err error) { return nil, nil }

const (
	takeOver                       = windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL
	changeFile windows.ACCESS_MASK = takeOver | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.GENERIC_WRITE
	swapBelow  windows.ACCESS_MASK = takeOver | deleteChild

	deleteChild = 0x40 // FILE_DELETE_CHILD
)

const (
	system         = "S-1-5-18"
	administrators = "S-1-5-32-544"
	installer      = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // owns C:\
	ownersRights   = "S-1-3-4"                                                        // says what the owner may, who is looked at apart
	packages       = "S-1-15-"                                                        // limits what the apps of a user may, who must be let in besides
)

// othersRights says which others have any of the rights, by the access list at path.
func othersRights(path string, rights windows.ACCESS_MASK, user *windows.SID) (wrong []string, err error) {
	list, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil, fmt.Errorf("the access list of %s: %w", tui.ShowPath(path), err)
	}
	owner, _, err := list.Owner()
	if err != nil {
		return nil, fmt.Errorf("the owner of %s: %w", tui.ShowPath(path), err)
	}
	if !trusted(owner, user) {
		wrong = append(wrong, fmt.Sprintf("%s belongs to %s", tui.ShowPath(path), accountName(owner)))
	}
	dacl, _, err := list.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || err == nil && dacl == nil { // no list at all, as on FAT
		return append(wrong, tui.ShowPath(path)+" can be written by everybody"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("the access list of %s: %w", tui.ShowPath(path), err)
	}
	for i := range uint32(dacl.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &entry); err != nil {
			return nil, fmt.Errorf("the access list of %s: %w", tui.ShowPath(path), err)
		}
		if entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || entry.Mask&rights == 0 {
			continue
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		switch entry.Header.AceType {
		case windows.ACCESS_DENIED_ACE_TYPE:
		case windows.ACCESS_ALLOWED_ACE_TYPE, allowedIf:
			if !trusted(who, user) {
				wrong = append(wrong, fmt.Sprintf("%s can be written by %s", tui.ShowPath(path), accountName(who)))
			}
		default:
			wrong = append(wrong, fmt.Sprintf("%s has an entry in its access list that files don't have (type %d)", tui.ShowPath(path), entry.Header.AceType))
		}
	}
	return wrong, nil
}

const allowedIf = 9 // ACCESS_ALLOWED_CALLBACK_ACE_TYPE: the same beginning, and a condition behind it

func trusted(who, user *windows.SID) bool {
	if who.Equals(user) {
		return true
	}
	switch text := who.String(); {
	case text == system, text == administrators, text == installer, text == ownersRights, strings.HasPrefix(text, packages):
		return true
	case strings.HasPrefix(text, "S-1-5-21-"): // of a computer or domain: its administrators
		return strings.HasSuffix(text, "-500") || strings.HasSuffix(text, "-512") || strings.HasSuffix(text, "-519")
	}
	return false
}

func accountName(who *windows.SID) string {
	name, domain, _, err := who.LookupAccount("")
	switch {
	case err != nil:
		return who.String()
	case domain != "":
		return tui.ShowPath(domain + `\` + name)
	}
	return tui.ShowPath(name)
}
