package cache

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus"

	"aws-accounts/internal/test/stage"
)

// database is one whose root group KeePassXC shows to clients of the Secret Service.
const database = `<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile>
  <Meta>
    <RecycleBinEnabled>False</RecycleBinEnabled>
    <CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{01020304-0506-0708-090a-0b0c0d0e0f10}</Value></Item></CustomData>
  </Meta>
  <Root><Group><UUID>AQIDBAUGBwgJCgsMDQ4PEA==</UUID><Name>Root</Name></Group></Root>
</KeePassFile>
`

// It crashes now and then when an item is deleted while a thread of it saves the last change, so it saves nothing.
const keepassxcConfig = `[GUI]
CheckForUpdates=false
[General]
ConfigVersion=2
UpdateCheckMessageShown=true
AutoSaveAfterEveryChange=false
AutoSaveOnExit=false
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=false
ConfirmDeleteItem=false
`

// keepassxc starts a KeePassXC with an open database in place of GNOME's daemon, and returns what its clients need in their
// environment, and it.
func keepassxc(t *testing.T, config string) (env []string, process *os.Process) {
	t.Helper()
	if _, err := exec.LookPath("keepassxc"); err != nil {
		cannotTest(t, "keepassxc is not installed (Debian: keepassxc)")
	}
	gnome := stage.Keyring(t)
	gnome.Stop()
	// Not t.TempDir(): its path can be too long for a socket.
	dir, err := os.MkdirTemp("", "keepassxc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, content := range map[string]string{"db.xml": database, "keepassxc.ini": config} {
		if err := os.WriteFile(in(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	importing := exec.Command("keepassxc-cli", "import", "--set-password", in("db.xml"), in("db.kdbx"))
	importing.Stdin = strings.NewReader("pw\npw\n")
	if out, err := importing.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("keepassxc", "--config", in("keepassxc.ini"), "--localconfig", in("local.ini"), "--pw-stdin", in("db.kdbx"))
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_RUNTIME_DIR="+dir,
		"QT_QPA_PLATFORM=offscreen", "QT_LOGGING_RULES=*=false", gnome.Env()[0])
	cmd.Stdin = strings.NewReader("pw\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})

	bus := gnome.Dial()
	defer bus.Close()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		var collection dbus.ObjectPath
		err := bus.Object(secretsName, secretsPath).Call(iService+"ReadAlias", 0, "default").Store(&collection)
		if err == nil && collection != noObject {
			if locked, err := bus.Object(secretsName, collection).GetProperty(iCollection + ".Locked"); err == nil && locked.Value() == false {
				return gnome.Env(), cmd.Process
			}
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("no database is open: %v", err)
		}
	}
}

// KeePassXC has no collection of that name, makes items behind prompts of which nothing is shown, and tells only those that
// they're completed who have asked for it.
func TestKeePassXC(t *testing.T) {
	t.Parallel()
	env, _ := keepassxc(t, keepassxcConfig)
	roundTrip(t, func() *remote { return startRemote(t, remoteConfig{Backend: "secret-service", Unlock: true}, env...) }, 100_000)
}

// What programs start may show no dialog. It can store and renew all the same, but not delete.
func TestKeePassXCUnattended(t *testing.T) {
	t.Parallel()
	env, _ := keepassxc(t, keepassxcConfig)
	r := startRemote(t, remoteConfig{Backend: "secret-service"}, env...)
	for _, data := range []string{"one", "two"} {
		r.set("session/dev", []byte(data)).want(t, "", soon)
		if a := startRemote(t, remoteConfig{Backend: "secret-service"}, env...).get("session/dev"); string(a.Data) != data {
			t.Errorf("%+v", a)
		}
	}
}

// Nobody answers a dialog of a service that has ended: that isn't waited for.
func TestKeePassXCEnds(t *testing.T) {
	t.Parallel()
	env, process := keepassxc(t, strings.Replace(keepassxcConfig, "ConfirmDeleteItem=false", "ConfirmDeleteItem=true", 1))
	r := startRemote(t, remoteConfig{Backend: "secret-service", Unlock: true}, env...)
	r.set("session/dev", []byte("one")).want(t, "", soon)
	time.AfterFunc(500*time.Millisecond, func() { process.Kill() }) // while its dialog is open
	r.remove("session/dev").want(t, "unavailable", 5*time.Second)
}

// The only collection isn't `login`: those who find out at the same time all find the other one.
func TestKeePassXCManyAtOnce(t *testing.T) {
	t.Parallel()
	env, _ := keepassxc(t, keepassxcConfig)
	startRemote(t, secretServiceConfig, env...).set("session/dev", []byte("x")).want(t, "", soon)
	for range 5 {
		startRemote(t, secretServiceConfig, env...).do(request{Op: "get at once", Key: "session/dev"}).want(t, "", soon)
	}
}
