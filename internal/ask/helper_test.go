//go:build !windows

package ask

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the program that asks: a terminal belongs to a process, not to a test.
func TestMain(m *testing.M) {
	role := os.Getenv("ASK_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	roles[role]()
	os.Exit(0)
}

// result is what a role tells the test, as a line of JSON on descriptor 3.
type result struct {
	Answer                      string
	Err                         string
	Nobody, Cancelled, Deadline bool
	Milliseconds                int64
	Echo, Stopped               bool
	Standard                    []string // what descriptors 0 to 2 are
}

func tell(r result) {
	line, _ := json.Marshal(r)
	os.NewFile(3, "results").Write(append(line, '\n'))
}

var roles = map[string]func(){
	"ask": func() {
		if os.Getenv("ASK_NOHUP") != "" { // as `process` does
			signal.Ignore(unix.SIGHUP)
		} else { // a terminal that goes sends it twice, and the second would end us before the result is told
			signal.Notify(make(chan os.Signal, 1), unix.SIGHUP)
		}
		tell(askAsTold())
		io.Copy(io.Discard, os.Stdin) // until the test has looked at the terminal: it goes with its session
	},
	// later asks when the test writes a byte.
	"later": func() {
		os.Stdin.Read(make([]byte, 1))
		tell(askAsTold())
		io.Copy(io.Discard, os.Stdin)
	},
	// background starts one that asks in a job of its own, which isn't in the foreground.
	"background": func() {
		child(&syscall.SysProcAttr{Setpgid: true}).Run()
	},
	// pair starts two that ask, in one job, as Terraform and its providers are.
	"pair": func() {
		a, b := child(nil), child(nil)
		a.Start()
		b.Start()
		a.Wait()
		b.Wait()
	},
	// beside starts one that asks, and one that tells as soon as the test writes a byte, which nobody else may read.
	"beside": func() {
		question := child(nil)
		question.Stdin = nil
		question.Start()
		os.Stdin.Read(make([]byte, 1))
		text := child(nil)
		text.Stdin = nil
		text.Env = append(text.Env, "ASK_HOW=tell", "ASK_QUESTION=open this link", "ASK_LIMIT="+os.Getenv("ASK_TELL_LIMIT"))
		text.Start()
		question.Wait()
		text.Wait()
		io.Copy(io.Discard, os.Stdin)
	},
	// shell starts one that asks as a job in the foreground, and continues it when it was stopped.
	"shell": func() {
		tty, _ := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		signal.Ignore(unix.SIGTTOU)
		job := child(&syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(tty.Fd())})
		job.Start()
		var status unix.WaitStatus
		unix.Wait4(job.Process.Pid, &status, unix.WUNTRACED, nil)
		tell(result{Stopped: status.Stopped(), Echo: echoes(tty)})
		unix.IoctlSetPointerInt(int(tty.Fd()), unix.TIOCSPGRP, job.Process.Pid)
		unix.Kill(-job.Process.Pid, unix.SIGCONT)
		job.Wait()
	},
}

func child(attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ASK_ROLE=ask")
	cmd.Stdin = os.Stdin
	cmd.ExtraFiles = []*os.File{os.NewFile(3, "results")}
	cmd.SysProcAttr = attr
	return cmd
}

func askAsTold() result {
	ctx := context.Background()
	if limit, err := time.ParseDuration(os.Getenv("ASK_LIMIT")); err == nil {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	a := Asker{Locks: os.Getenv("ASK_LOCKS"), Never: os.Getenv("ASK_NEVER") != ""}
	question := os.Getenv("ASK_QUESTION")
	begin := time.Now()
	var answer string
	var err error
	switch os.Getenv("ASK_HOW") {
	case "line":
		answer, err = a.Line(ctx, question)
	case "confirm":
		var yes bool
		yes, err = a.Confirm(ctx, question, true)
		answer = map[bool]string{true: "yes", false: "no"}[yes]
	case "tell":
		err = a.Tell(ctx, question+"\n")
	case "pick":
		var i int
		if i, err = a.Pick(ctx, question, "", few); err == nil {
			answer = few[i].Name
		}
	case "present":
		answer = fmt.Sprint(a.Present())
	case "command":
		answer, err = a.Command(ctx, os.Getenv("ASK_COMMAND"))
	default:
		answer, err = a.Secret(ctx, question)
	}
	r := result{
		Answer: answer, Milliseconds: time.Since(begin).Milliseconds(),
		Nobody: errors.Is(err, ErrNobody), Cancelled: errors.Is(err, ErrCancelled), Deadline: errors.Is(err, context.DeadlineExceeded),
	}
	if err != nil {
		r.Err = err.Error()
	}
	for _, fd := range []string{"0", "1", "2"} {
		link, _ := os.Readlink("/proc/self/fd/" + fd)
		r.Standard = append(r.Standard, link)
	}
	return r
}

// session is a role in a session of its own, with or without a terminal, whose standard input is a pipe that doesn't end,
// and whose output and error are pipes, as under most SDKs.
type session struct {
	t             *testing.T
	cmd           *exec.Cmd
	master, slave *os.File
	stdin         io.WriteCloser
	results       *bufio.Scanner
	stdout        bytes.Buffer
	stderr        bytes.Buffer
	shown         string // on the terminal, so far
	before        unix.Termios
}

const desktopless = "DISPLAY= WAYLAND_DISPLAY="

func begin(t *testing.T, role string, withTerminal bool, env ...string) *session {
	t.Helper()
	s := &session{t: t, cmd: exec.Command(os.Args[0])}
	s.cmd.Env = append(append(os.Environ(), strings.Fields(desktopless)...), append(env, "ASK_ROLE="+role, "GORACE=atexit_sleep_ms=0")...)
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdin = stdin
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.results = bufio.NewScanner(read)
	s.cmd.ExtraFiles = []*os.File{write}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if withTerminal {
		var master *os.File
		if master, s.slave, err = pty.Open(); err != nil {
			t.Fatal(err)
		}
		// A deadline needs a file that the poller knows.
		fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		master.Close()
		unix.SetNonblock(fd, true)
		s.master = os.NewFile(uintptr(fd), "master")
		s.before = s.modes()
		s.cmd.ExtraFiles = append(s.cmd.ExtraFiles, s.slave)
		s.cmd.SysProcAttr.Setctty, s.cmd.SysProcAttr.Ctty = true, 4
		if err := s.master.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read.SetReadDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() {
		s.stdin.Close()
		if t.Failed() {
			s.cmd.Process.Kill()
		}
		s.cmd.Wait()
		if s.stdout.Len() > 0 || s.stderr.Len() > 0 {
			t.Errorf("on stdout: %q, on stderr: %q", s.stdout.String(), s.stderr.String())
		}
		read.Close()
		if withTerminal {
			s.master.Close()
			s.slave.Close()
		}
	})
	return s
}

// until reads the terminal until it has shown what, and forgets what it showed up to there. It returns what came before.
func (s *session) until(what string) string {
	s.t.Helper()
	buffer := make([]byte, 1024)
	for {
		if before, after, found := strings.Cut(s.shown, what); found {
			s.shown = after
			return before
		}
		n, err := s.master.Read(buffer)
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; shown: %q", what, err, s.shown)
		}
		s.shown += string(buffer[:n])
	}
}

func (s *session) typed(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) result() result {
	s.t.Helper()
	var r result
	if !s.results.Scan() {
		s.t.Fatalf("no result: %v; stderr: %q", s.results.Err(), s.stderr.String())
	}
	if err := json.Unmarshal(s.results.Bytes(), &r); err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *session) modes() unix.Termios {
	s.t.Helper()
	m, err := unix.IoctlGetTermios(int(s.slave.Fd()), getModes)
	if err != nil {
		s.t.Fatal(err)
	}
	return *m
}

func echoes(tty *os.File) bool {
	m, err := unix.IoctlGetTermios(int(tty.Fd()), getModes)
	return err == nil && m.Lflag&unix.ECHO != 0
}

// lifeline is a file that a process of a script holds open; gone returns when it has ended.
func lifeline(t *testing.T) (path string, up func(), gone func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	var f *os.File
	buffer := make([]byte, 1)
	return path, func() {
			var err error
			if f, err = os.Open(path); err != nil { // waits for the writer
				t.Fatal(err)
			}
			f.Read(buffer)
		}, func() {
			f.Read(buffer)
			f.Close()
		}
}
