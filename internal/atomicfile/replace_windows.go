package atomicfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Mode bits mean little here: a file keeps its access list, and a new one is its user's alone, as 0600 is elsewhere.
func replace(path string, data []byte, _ fs.FileMode) error {
	return place(path, data, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// create leaves what is there alone, as the move then does.
func create(path string, data []byte, _ fs.FileMode) error {
	return place(path, data, windows.MOVEFILE_WRITE_THROUGH)
}

func place(path string, data []byte, how uint32) error {
	sweep(path)
	access, err := accessOf(path)
	if err != nil {
		return err
	}
	made, err := makeBeside(path, access)
	if err != nil {
		return err
	}
	_, err = made.Write(data)
	if err == nil {
		err = made.Sync()
	}
	if closed := made.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = move(made.Name(), path, how)
	}
	if err != nil {
		os.Remove(made.Name())
	}
	return err
}

// accessOf is the access list of the file at path, or, if there is none yet, one that lets in its user and the
// administrators, who get in anyway.
func accessOf(path string) (*windows.SECURITY_DESCRIPTOR, error) {
	access, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if !errors.Is(err, fs.ErrNotExist) {
		return access, err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	// P: nothing comes down from the folder. FA: all access to the file. SY, BA: the system, administrators.
	return windows.SecurityDescriptorFromString("D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + user.User.Sid.String() + ")")
}

// makeBeside makes the file with its access list at once, so that nobody opens it before it has one.
func makeBeside(path string, access *windows.SECURITY_DESCRIPTOR) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+inTheMaking+rand.Text())
	name16, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	security := windows.SecurityAttributes{SecurityDescriptor: access}
	security.Length = uint32(unsafe.Sizeof(security))
	handle, err := windows.CreateFile(name16, windows.GENERIC_WRITE, 0, &security, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}

func move(from, to string, how uint32) error {
	from16, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	to16, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	err = patiently(func() error { return windows.MoveFileEx(from16, to16, how) }, windows.ERROR_SHARING_VIOLATION, windows.ERROR_ACCESS_DENIED)
	if err != nil {
		return &fs.PathError{Op: "replace", Path: to, Err: err}
	}
	return nil
}

// Patiently calls again, for a second, what fails since somebody else has the file open: Windows lets nobody replace a file
// that is being read, nor read one that is just being moved into its place. Elsewhere both simply work.
func Patiently(call func() error) error { return patiently(call, windows.ERROR_SHARING_VIOLATION) }

func patiently(call func() error, busy ...error) error {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := call()
		if !slices.ContainsFunc(busy, func(b error) bool { return errors.Is(err, b) }) || time.Since(began) > time.Second {
			return err
		}
	}
}
