//go:build unix

package protocol

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// childVariable makes this test binary the call whose caller goes away.
const childVariable = "PROTOCOL_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "alone":
		IgnoreHangupWhileAlone()
	case "usual":
		IgnoreHangup()
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n') // until the signals are there
	fmt.Fprintln(os.Stderr, "nobody reads this")
	fmt.Println("still here")
}

// A caller that has gone away ends nobody, whether it takes its terminal or its pipe with it: what is obtained is
// kept all the same.
func TestACallOutlivesItsCaller(t *testing.T) {
	for _, how := range []string{"usual", "alone"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+how)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		stderr, broken, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = broken
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		broken.Close()
		stderr.Close()
		lines := bufio.NewReader(stdout)
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%s: %q, %v", how, line, err)
		}
		for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		io.WriteString(stdin, "\n")
		if line, _ := lines.ReadString('\n'); line != "still here\n" {
			t.Errorf("%s: it is gone", how)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}
