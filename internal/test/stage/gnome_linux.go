package stage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus"
)

// GNOMEKeyring is a gnome-keyring-daemon of its own on a session bus of its own, without a desktop: no dialog can be shown.
// Nothing on that bus starts by itself, so that a stopped daemon stays stopped.
type GNOMEKeyring struct {
	t       testing.TB
	dir     string
	address string
	bus     *dbus.Conn
	broker  *process
	daemon  *process
}

const (
	secretsName   = "org.freedesktop.secrets"
	secretsPath   = "/org/freedesktop/secrets"
	loginPath     = secretsPath + "/collection/login"
	loginPassword = "login"
	startup       = 10 * time.Second
)

// Keyring starts a Secret Service with an unlocked, empty `login` collection, and ends it with the test.
func Keyring(t testing.TB) *GNOMEKeyring {
	t.Helper()
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed (Debian: dbus, gnome-keyring)")
		}
	}
	// Not t.TempDir(): its path can be too long for a socket.
	dir, err := os.MkdirTemp("", "keyring")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	k := &GNOMEKeyring{t: t, dir: dir}
	k.startBus()
	k.Start()
	return k
}

// Env returns what a client of the keyring needs in its environment.
func (k *GNOMEKeyring) Env() []string { return []string{"DBUS_SESSION_BUS_ADDRESS=" + k.address} }

func (k *GNOMEKeyring) startBus() {
	k.t.Helper()
	config := filepath.Join(k.dir, "bus.conf")
	err := os.WriteFile(config, fmt.Appendf(nil, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
  <!-- as in Debian's session.conf: without these it is a system bus's 256 connections -->
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="auth_timeout">240000</limit>
  <limit name="max_completed_connections">100000</limit>
  <limit name="max_incomplete_connections">10000</limit>
  <limit name="max_connections_per_user">100000</limit>
  <limit name="max_pending_service_starts">10000</limit>
  <limit name="max_names_per_connection">50000</limit>
  <limit name="max_match_rules_per_connection">50000</limit>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
`, k.dir), 0o600)
	if err != nil {
		k.t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+config, "--print-address")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	k.broker = start(k.t, cmd)
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		k.t.Fatalf("dbus-daemon did not start: %v", err)
	}
	k.address = strings.TrimSpace(address)

	k.bus = k.Dial()
	k.t.Cleanup(func() { k.bus.Close() })
}

// Dial connects one more client to the bus, which whoever asked for it closes.
func (k *GNOMEKeyring) Dial() *dbus.Conn {
	k.t.Helper()
	conn, err := dbus.Dial(k.address)
	if err == nil {
		err = conn.Auth(nil)
	}
	if err == nil {
		err = conn.Hello()
	}
	if err != nil {
		k.t.Fatalf("the test's session bus: %v", err)
	}
	return conn
}

// Start starts the daemon again after Stop, with `login` unlocked and the items that were there.
func (k *GNOMEKeyring) Start() {
	k.t.Helper()
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets", "--control-directory="+k.dir)
	cmd.Env = append(os.Environ(), "HOME="+k.dir, "XDG_DATA_HOME="+k.dir, "XDG_CONFIG_HOME="+k.dir, "XDG_CACHE_HOME="+k.dir,
		"XDG_RUNTIME_DIR="+k.dir, "DBUS_SESSION_BUS_ADDRESS="+k.address)
	cmd.Stdin = strings.NewReader(loginPassword)
	k.daemon = start(k.t, cmd)
	// The name is on the bus before the collection is there.
	deadline := time.Now().Add(startup)
	for {
		locked, err := k.bus.Object(secretsName, loginPath).GetProperty("org.freedesktop.Secret.Collection.Locked")
		if err == nil && locked.Value() == false {
			return
		}
		select {
		case <-k.daemon.ended:
			k.t.Fatal("gnome-keyring-daemon ended at once")
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("gnome-keyring-daemon is not ready after %s: %v", startup, err)
		}
	}
}

// Revive starts the daemon again if it has ended by itself, as it does now and then when many clients come at once: it aborts
// where a client's first call is quicker than its own registration of that client.
func (k *GNOMEKeyring) Revive() (hadEnded bool) {
	k.t.Helper()
	select {
	case <-k.daemon.ended:
		k.Start()
		return true
	default:
		return false
	}
}

// Stop ends the daemon: its name leaves the bus.
func (k *GNOMEKeyring) Stop() { k.daemon.stop() }

// Hang stops the daemon in its tracks: calls are delivered and never answered.
func (k *GNOMEKeyring) Hang() { k.daemon.signal(syscall.SIGSTOP) }

// Resume ends Hang.
func (k *GNOMEKeyring) Resume() { k.daemon.signal(syscall.SIGCONT) }

// HangBus stops the message bus itself.
func (k *GNOMEKeyring) HangBus() { k.broker.signal(syscall.SIGSTOP) }

// Lock locks the `login` collection.
func (k *GNOMEKeyring) Lock() {
	k.t.Helper()
	err := k.bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{loginPath}).Err
	if err != nil {
		k.t.Fatalf("locking the keyring: %v", err)
	}
}

// Forget deletes the `login` collection: what is left is the daemon of a machine without a desktop session.
func (k *GNOMEKeyring) Forget() {
	k.t.Helper()
	if err := k.bus.Object(secretsName, loginPath).Call("org.freedesktop.Secret.Collection.Delete", 0).Err; err != nil {
		k.t.Fatalf("deleting the keyring: %v", err)
	}
}

// Unlock unlocks it without a dialog, through the interface that GNOME's login uses.
func (k *GNOMEKeyring) Unlock() {
	k.t.Helper()
	type secret struct {
		Session     dbus.ObjectPath
		Parameters  []byte
		Value       []byte
		ContentType string
	}
	service := k.bus.Object(secretsName, secretsPath)
	var output dbus.Variant
	var session dbus.ObjectPath
	err := service.Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session)
	if err == nil {
		err = service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0,
			dbus.ObjectPath(loginPath), secret{session, []byte{}, []byte(loginPassword), "text/plain"}).Err
	}
	if err != nil {
		k.t.Fatalf("unlocking the keyring: %v", err)
	}
}

// process is a child that ends with the test, and also when the test is killed.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd, make(chan struct{})}
	started := make(chan error)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	go func() {
		defer close(p.ended)
		runtime.LockOSThread() // the signal is sent at the death of the thread that started the child
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", cmd.Path, err)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *process) signal(s os.Signal) { p.cmd.Process.Signal(s) }

func (p *process) stop() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}
