package cache

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus"

	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/test/stage"
)

var secretServiceConfig = remoteConfig{Backend: "secret-service"}

func TestSecretService(t *testing.T) {
	t.Parallel()
	env := stage.Keyring(t).Env()
	roundTrip(t, func() *remote { return startRemote(t, secretServiceConfig, env...) }, 64<<10)
}

func TestSecretServiceLocked(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	r := startRemote(t, secretServiceConfig, gnome.Env()...)
	r.set("session/dev", []byte("x")).want(t, "", soon)
	gnome.Lock()
	for range 2 {
		r.get("session/dev").want(t, "locked", soon)
		r.get("session/absent").want(t, "locked", soon)
		r.set("session/dev", []byte("y")).want(t, "locked", soon)
		r.remove("session/dev").want(t, "locked", soon)
		a := r.keys()
		a.want(t, "locked", soon)
		if a.Hint == "" {
			t.Error("no next step")
		}
		t.Log(a.Text, "->", a.Hint)
	}
	fresh := startRemote(t, secretServiceConfig, gnome.Env()...)
	fresh.get("session/dev").want(t, "locked", soon)

	// Here no dialog can be shown, which the service reports as one that was dismissed.
	may := startRemote(t, remoteConfig{Backend: "secret-service", Unlock: true}, gnome.Env()...)
	a := may.get("session/dev")
	a.want(t, "locked", 10*time.Second)
	t.Log(a.Text, "->", a.Hint, a.Took)
	may.set("session/dev", nil).want(t, "locked", 10*time.Second)

	gnome.Unlock()
	if a := r.get("session/dev"); string(a.Data) != "x" {
		t.Errorf("after unlocking: %+v", a)
	}
}

func TestSecretServiceHangs(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	warm := startRemote(t, secretServiceConfig, gnome.Env()...)
	warm.set("session/dev", []byte("x")).want(t, "", soon)
	cold := startRemote(t, secretServiceConfig, gnome.Env()...)
	gnome.Hang()
	for _, r := range []*remote{warm, cold} {
		a := r.get("session/dev")
		a.want(t, "unavailable", nodbus.Patience+3*time.Second)
		t.Log(a.Text, "->", a.Hint, a.Took)
		total := a.Took
		for range 3 {
			total += r.get("session/dev").Took + r.set("session/dev", nil).Took + r.keys().Took
		}
		if total > nodbus.Patience+4*time.Second {
			t.Errorf("a hanging keychain cost %s", total)
		}
	}
	may := startRemote(t, remoteConfig{Backend: "secret-service", Unlock: true}, gnome.Env()...)
	may.get("session/dev").want(t, "unavailable", nodbus.Patience+3*time.Second)
	gnome.Resume()
	again := startRemote(t, secretServiceConfig, gnome.Env()...)
	if a := again.get("session/dev"); string(a.Data) != "x" {
		t.Errorf("after it came back: %+v", a)
	}
}

func TestSecretServiceDies(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	r := startRemote(t, secretServiceConfig, gnome.Env()...)
	r.set("session/dev", []byte("x")).want(t, "", soon)
	if a := r.get("session/dev"); a.Failed {
		t.Fatal(a.Text)
	}
	// Restarted between two calls: the session that we hold is gone.
	gnome.Stop()
	gnome.Start()
	if a := r.get("session/dev"); string(a.Data) != "x" {
		t.Errorf("after a restart: %+v", a)
	}
	gnome.Stop()
	a := r.get("session/dev")
	a.want(t, "unavailable", soon)
	if a.Hint == "" {
		t.Error("no next step")
	}
	t.Log(a.Text, "->", a.Hint)
}

func TestNoSecretService(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"DBUS_SESSION_BUS_ADDRESS=", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", "DBUS_SESSION_BUS_ADDRESS=nonsense"} {
		if env == "DBUS_SESSION_BUS_ADDRESS=" {
			if _, err := os.Stat(fmt.Sprintf("/run/user/%d/bus", os.Getuid())); err == nil {
				continue
			}
		}
		for _, backend := range []string{"secret-service", "kwallet"} {
			r := startRemote(t, remoteConfig{Backend: backend}, env)
			a := r.get("session/dev")
			a.want(t, "unavailable", soon)
			if a.Hint == "" || !strings.Contains(a.Text, "bus") {
				t.Errorf("it does not say why: %s", a.Text)
			}
			t.Log(a.Text, "->", a.Hint)
		}
	}
}

// otherClient stores what no library of ours would, under one of our keys.
func otherClient(t *testing.T, gnome *stage.GNOMEKeyring, attributes map[string]string, value string) {
	t.Helper()
	conn := gnome.Dial()
	defer conn.Close()
	var output dbus.Variant
	var session, item, prompt dbus.ObjectPath
	if err := conn.Object(secretsName, secretsPath).Call(iService+"OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session); err != nil {
		t.Fatal(err)
	}
	properties := map[string]dbus.Variant{
		iItem + ".Label":      dbus.MakeVariant("somebody else's"),
		iItem + ".Attributes": dbus.MakeVariant(attributes),
	}
	err := conn.Object(secretsName, collections+"login").Call(iCollection+".CreateItem", 0, properties,
		secret{session, []byte{}, []byte(value), "text/plain"}, false).Store(&item, &prompt)
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecretServiceForeignItems(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"not JSON":            "SECRETVALUE",
		"other JSON":          `{"Key":"SECRETVALUE"}`,
		"the library's, torn": `{"Key":"aws-accounts/session/dev","Data":"SECRETVAL`,
		"wrong types":         `{"Key":["SECRETVALUE"]}`,
		"empty":               "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gnome := stage.Keyring(t)
			r := startRemote(t, secretServiceConfig, gnome.Env()...)
			otherClient(t, gnome, map[string]string{"profile": "aws-accounts/session/dev", "more": "x"}, value)
			a := r.get("session/dev")
			a.want(t, "corrupt", soon)
			if strings.Contains(a.Text, "SECRET") {
				t.Errorf("the error quotes the item: %s", a.Text)
			}
			// Ours gets its place all the same, and is found from now on.
			for _, data := range []string{"ours", "ours, again"} {
				r.set("session/dev", []byte(data)).want(t, "", soon)
				if a := r.get("session/dev"); string(a.Data) != data {
					t.Errorf("next to a foreign item: %+v", a)
				}
			}
			r.remove("session/dev").want(t, "", soon)
			r.get("session/dev").want(t, "not found", soon)
		})
	}
}

func TestSecretServiceDuplicates(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	r := startRemote(t, secretServiceConfig, gnome.Env()...)
	for range 3 {
		otherClient(t, gnome, map[string]string{"profile": "aws-accounts/session/dev"}, `{"Key":"aws-accounts/session/dev","Data":"b2xk"}`)
	}
	if a := r.get("session/dev"); string(a.Data) != "old" {
		t.Fatalf("%+v", a)
	}
	r.set("session/dev", []byte("new")).want(t, "", soon)
	if a := r.get("session/dev"); string(a.Data) != "new" {
		t.Errorf("%+v", a)
	}
	if a := r.keys(); !slices.Equal(a.Keys, []string{"session/dev"}) {
		t.Errorf("%+v", a)
	}
	r.remove("session/dev").want(t, "", soon)
	r.get("session/dev").want(t, "not found", soon)
}

func TestSecretServiceOtherItemsAreNotOurs(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	r := startRemote(t, secretServiceConfig, gnome.Env()...)
	otherClient(t, gnome, map[string]string{"profile": "session/dev"}, "aws-vault's")
	otherClient(t, gnome, map[string]string{"service": "aws-accounts"}, "x")
	r.get("session/dev").want(t, "not found", soon)
	r.remove("session/dev").want(t, "not found", soon)
	if a := r.keys(); a.Failed || len(a.Keys) > 0 {
		t.Errorf("%+v", a)
	}
}

// TestSecretServiceWithoutLogin is a server: the daemon is there, but nobody has logged in to a desktop.
func TestSecretServiceWithoutLogin(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	gnome.Forget()
	r := startRemote(t, remoteConfig{Backend: "secret-service", Unlock: true}, gnome.Env()...)
	a := r.set("session/dev", []byte("x"))
	a.want(t, "unavailable", soon)
	if a.Hint == "" || !strings.Contains(a.Text, "collection") {
		t.Errorf("it does not say why: %s", a.Text)
	}
	t.Log(a.Text, "->", a.Hint)
	r = startRemote(t, secretServiceConfig, gnome.Env()...)
	r.get("session/dev").want(t, "unavailable", soon)
	r = startRemote(t, secretServiceConfig, gnome.Env()...)
	r.keys().want(t, "unavailable", soon)
}

// TestBusHangs: the library dials the bus before main, and would wait for ever.
func TestBusHangs(t *testing.T) {
	t.Parallel()
	gnome := stage.Keyring(t)
	gnome.HangBus()
	began := time.Now()
	a := startRemote(t, secretServiceConfig, gnome.Env()...).get("session/dev")
	a.want(t, "unavailable", soon)
	if took := time.Since(began); took > nodbus.Patience+3*time.Second {
		t.Errorf("a hanging bus cost %s", took)
	}
	if !strings.Contains(a.Text, "does not answer") {
		t.Errorf("it does not say why: %s", a.Text)
	}
	startRemote(t, remoteConfig{Backend: "file", Dir: t.TempDir()}, gnome.Env()...).get("session/dev").want(t, "not found", soon)
}
