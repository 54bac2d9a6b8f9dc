package accounts

// checkWritable does nothing yet: on Windows who can write a file is in its access control list, and what a profile folder
// hands down (the user, SYSTEM, Administrators) is right. A file that was put elsewhere isn't looked at.
func checkWritable(path string) error { return nil }

// Mend has nothing to do where nothing is found.
func Mend(path, home string) (mended []string, err error) { return nil, nil }
