// Command floor prints one secret of the Secret Service and does nothing else: what any Go program has to pay that reads
// one, step after step, with the usual library and no thought for speed.
package main

import (
	"fmt"
	"os"

	"github.com/godbus/dbus/v5"
)

const service = "org.freedesktop.Secret.Service."

func main() {
	if err := show(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func show(profile string) error {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return err
	}
	defer bus.Close()
	secrets := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")

	var output dbus.Variant
	var session dbus.ObjectPath
	if err := secrets.Call(service+"OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session); err != nil {
		return err
	}
	var unlocked, locked []dbus.ObjectPath
	if err := secrets.Call(service+"SearchItems", 0, map[string]string{"profile": profile}).Store(&unlocked, &locked); err != nil {
		return err
	}
	if len(unlocked) == 0 {
		return fmt.Errorf("no secret for %s", profile)
	}
	var secret struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}
	item := bus.Object("org.freedesktop.secrets", unlocked[0])
	if err := item.Call("org.freedesktop.Secret.Item.GetSecret", 0, session).Store(&secret); err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(secret.Value, '\n'))
	return err
}
