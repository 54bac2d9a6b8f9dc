package stage

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-accounts/internal/test/standin"
)

// keys add asks at the terminal, shows the ID and not the secret, and reads nothing from standard input.
func TestKeysAddAsks(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(keysAccounts)
	key := aws.Key(User)
	h.Write(".aws/credentials", "")
	cmd := h.Command("aws-accounts", "keys", "add", "main")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("nothing\n"), &stdout, &stderr
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Access key ID of main: ", key.ID)
	terminal.answer(t, "Secret access key of "+key.ID+": ", key.Secret)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	if stderr.Len() > 0 || !strings.Contains(stdout.String(), "main begins in the keychain now") {
		t.Errorf("%s%s", &stdout, &stderr)
	}
	shown := terminal.shown()
	if !strings.Contains(shown, key.ID+"\r\n") || strings.Contains(shown, key.Secret) {
		t.Errorf("the terminal shows %q", shown)
	}
	works(t, h)
	noTrace(t, h, aws)

	// Asked whether to forget it, Enter is no.
	cmd = h.Command("aws-accounts", "keys", "remove", "main")
	terminal = onTerminal(t, cmd)
	terminal.answer(t, "Forget the access key of main "+key.ID+", maybe the only copy? [y/N] ", "")
	if err := cmd.Wait(); err == nil {
		t.Error("forgotten by Enter")
	}
	works(t, h)
	cmd = h.Command("aws-accounts", "keys", "remove", "main")
	terminal = onTerminal(t, cmd)
	terminal.answer(t, "? [y/N] ", "y")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, _, status := h.Run("aws-accounts", "whoami", "main"); status != 1 {
		t.Error("not forgotten")
	}
}

// typist sits at the controlling terminal of a command.
type typist struct {
	master *os.File
	mu     sync.Mutex
	screen strings.Builder
	read   int // of screen, by answer
	more   chan struct{}
}

// onTerminal starts the command in a session of its own, at a terminal that isn't its standard input, output or error.
func onTerminal(t *testing.T, cmd *exec.Cmd) *typist {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Wide enough for each question to be on one line.
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 200}); err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{terminal}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	y := &typist{master: master, more: make(chan struct{}, 1)}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := master.Read(buf)
			y.mu.Lock()
			y.screen.Write(buf[:n])
			y.mu.Unlock()
			select {
			case y.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return y
}

// answer waits for the question and types a line.
func (y *typist) answer(t *testing.T, question, line string) {
	t.Helper()
	y.await(t, question)
	if _, err := y.master.WriteString(line + "\r"); err != nil {
		t.Fatal(err)
	}
}

// await reads on until the terminal shows text: what a program wrote before its end may be seen only after it.
func (y *typist) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		shown := y.shown()
		if i := strings.Index(shown[y.read:], text); i >= 0 {
			y.read += i + len(text)
			return
		}
		select {
		case <-y.more:
		case <-deadline:
			t.Fatalf("the terminal doesn't show %q: %q", text, shown)
		}
	}
}

func (y *typist) shown() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.screen.String()
}
