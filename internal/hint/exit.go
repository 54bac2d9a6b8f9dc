package hint

import "fmt"

// ExitStatus is an error that says with which status to exit. Without a cause there is nothing to say besides.
type ExitStatus struct {
	Status int
	Cause  error
}

func (e *ExitStatus) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Cause.Error()
}

func (e *ExitStatus) Unwrap() error { return e.Cause }
