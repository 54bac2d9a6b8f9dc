package loopback

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func listenOn(anyUser bool, answer Handler) (*Server, error) {
	if anyUser {
		return ListenForAll(0, answer)
	}
	return Listen(0, answer)
}

// TestConnects is what another user runs: it asks at the address in the environment, and holds as many connections as there says.
func TestConnects(t *testing.T) {
	address := os.Getenv("LOOPBACK_ADDRESS")
	if address == "" {
		return
	}
	for range 200 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "G")
	}
	os.Stdout.WriteString("held\n")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+os.Getenv("LOOPBACK_ADDRESS")+"\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	os.Stdout.WriteString("answer " + strings.ReplaceAll(string(answer), "\r\n", " ") + "\n")
	time.Sleep(time.Minute)
}

// Another user of the machine is not heard, and keeps nobody waiting.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can be another user")
	}
	for name, c := range map[string]struct {
		uid     uint32
		anyUser bool
		heard   bool
	}{"another user": {54321, false, false}, "any user": {54321, true, true}, "the same user": {0, false, true}} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s, err := listenOn(c.anyUser, func(context.Context, *http.Request) Reply { asked.Add(1); return Reply{Status: 204} })
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			dir := t.TempDir()
			program := dir + "/test"
			data, err := os.ReadFile(os.Args[0])
			if err == nil {
				err = os.WriteFile(program, data, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			for d := dir; d != "/tmp" && d != "/"; d = d[:strings.LastIndex(d, "/")] {
				os.Chmod(d, 0o755)
			}
			cmd := exec.Command(program, "-test.run=^TestConnects$")
			cmd.Dir = "/"
			cmd.Env = append(os.Environ(), "LOOPBACK_ADDRESS="+s.Address())
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { cmd.Process.Kill(); cmd.Wait() }()
			var said bytes.Buffer
			for buf := make([]byte, 1024); !strings.Contains(said.String(), "answer"); {
				n, err := out.Read(buf)
				said.Write(buf[:n])
				if err != nil {
					break
				}
			}
			if heard := asked.Load() > 0; heard != c.heard {
				t.Errorf("heard: %v; %s", heard, &said)
			}
			if !c.heard {
				began := time.Now()
				response, err := http.Get("http://" + s.Address())
				if err != nil || time.Since(began) > requestTime/2 {
					t.Fatalf("%v after %v", err, time.Since(began))
				}
				response.Body.Close()
			}
		})
	}
}

// We aren't foreign to ourselves; whoever has gone is.
func TestForeign(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if foreign(accepted) {
		t.Error("we are foreign")
	}
	ours.Close()
	for began := time.Now(); !foreign(accepted); {
		if time.Since(began) > 2*time.Second {
			t.Fatal("whoever has gone is not foreign")
		}
	}
}
