package stage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-accounts/internal/test/standin"
)

// A process that handles secrets writes no core dump, whatever the limits say and however it dies, and no other program of the
// user can read its memory.
func TestNoCoreDump(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(stageAccounts)
			aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Silent})
			var errs strings.Builder
			// The runtime would dump core if it could.
			cmd := h.Command("sh", "-c", `ulimit -c unlimited; exec env GOTRACEBACK=crash aws-accounts process dev`)
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := aws.WaitCalls(t.Context(), "AssumeRole", 1); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() != 0 && int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() {
				t.Error("its memory can be read by other programs of the user")
			}
			cmd.Process.Signal(signal)
			cmd.Wait()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if status.CoreDump() {
				t.Errorf("it dumped core: %v", cmd.ProcessState)
			}
			if cores, _ := filepath.Glob(filepath.Join(h.Dir, "core*")); len(cores) > 0 {
				t.Errorf("%v", cores)
			}
			if leak(errs.String(), aws) {
				t.Error("its last words hold a secret")
			}
			t.Logf("%v; %d bytes of last words", cmd.ProcessState, errs.Len())
		})
	}
}
