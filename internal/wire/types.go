package wire

// Spelling is an account's name as the accounts file has it. The error is for what is no account's name, which may have been
// a slip of the pen; it is nil where that can't be told.
type Spelling func(name string) (string, error)
