package stage

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// touching are the system calls by which a program changes files, or waits for another to do it. The calls of Linux's oldest
// architectures that have a newer form aren't made by Go.
var touching = map[uint64]string{
	unix.SYS_OPENAT: "openat", unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite", unix.SYS_WRITEV: "writev",
	unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FLOCK: "flock",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_LINKAT: "linkat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_MKDIRAT: "mkdirat", unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_UTIMENSAT: "utimensat",
}

// syscallInfo is the kernel's struct ptrace_syscall_info, as far as it's needed.
type syscallInfo struct {
	op   uint8 // 1 is the entry
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64
	args [6]uint64
}

// killedAt runs cmd and kills it on its way into the nth system call that touches a file below dir, before the kernel does
// anything. It returns the name of the call, "" if the program ended by itself before. Unlike strace's injection, which counts
// for each thread, it counts for the program.
func killedAt(t *testing.T, cmd *exec.Cmd, dir string, nth int) (call string) {
	t.Helper()
	count := 0
	traced(t, cmd, func(tid int, info syscallInfo) bool {
		if name := touches(tid, info, dir); name != "" {
			if count++; count == nth {
				call = name
			}
		}
		return call == ""
	})
	return call
}

// traced runs cmd under ptrace and has each system call that one of its threads is about to make looked at. It is killed when
// look says no.
func traced(t *testing.T, cmd *exec.Cmd, look func(tid int, info syscallInfo) bool) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if cmd.Stdout == nil { // a file, so that there is nothing to copy and nothing to wait for
		cmd.Stdout, cmd.Stderr = null, null
	}
	cmd.SysProcAttr = &unix.SysProcAttr{Ptrace: true, Setpgid: true}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // tracing is an affair between threads; the thread ends with this goroutine
		done <- trace(cmd, look)
	}()
	if err := <-done; err != nil {
		t.Fatalf("tracing %v: %v", cmd.Args, err)
	}
}

func trace(cmd *exec.Cmd, look func(tid int, info syscallInfo) bool) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Release()
	leader := cmd.Process.Pid
	known := map[int]bool{}
	for {
		var status unix.WaitStatus
		// Those of its process group: this thread may also be the parent of what other tests have started.
		tid, err := unix.Wait4(-leader, &status, unix.WALL|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if !status.Stopped() {
			if tid == leader {
				return nil
			}
			continue
		}
		deliver := 0
		switch sig := status.StopSignal(); {
		case !known[tid] && tid == leader: // its execve
			known[tid] = true
			if err := unix.PtraceSetOptions(tid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
				return err
			}
		case !known[tid] && sig == unix.SIGSTOP: // a new thread
			known[tid] = true
		case sig == unix.SIGTRAP|0x80:
			if info, ok := entered(tid); ok && !look(tid, info) {
				unix.Kill(leader, unix.SIGKILL)
			}
		case sig == unix.SIGTRAP: // the clone itself
		default:
			deliver = int(sig)
		}
		unix.PtraceSyscall(tid, deliver) // fails once it's killed
	}
}

// entered returns the call that the thread is about to make, if it isn't coming back from one.
func entered(tid int) (info syscallInfo, ok bool) {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	return info, errno == 0 && info.op == 1
}

// touches returns the name of the call if it touches a file below dir.
func touches(tid int, info syscallInfo, dir string) string {
	name := touching[info.nr]
	switch name {
	case "":
		return ""
	case "openat":
		if info.args[2]&(unix.O_WRONLY|unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC) == 0 {
			return ""
		}
	case "write", "pwrite", "writev", "ftruncate", "fsync", "fdatasync", "flock", "fchmod":
		file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, info.args[0]))
		if os.IsPermission(err) && info.args[0] > 2 {
			return name // its memory is private, and we aren't root: what isn't a file is a needless try more
		}
		if err != nil || !strings.HasPrefix(file, dir) {
			return "" // the runtime wakes its threads by writing, too
		}
	}
	return name
}
