package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// fill puts n more sessions into a keyring that holds that of dev: copies of its item under other names.
func fill(b *testing.B, env []string, from string, n int) {
	_, address, _ := strings.Cut(env[0], "=")
	bus, err := dbus.Connect(address)
	if err != nil {
		b.Fatal(err)
	}
	defer bus.Close()
	type secret struct {
		Session           dbus.ObjectPath
		Parameters, Value []byte
		ContentType       string
	}
	call := func(object dbus.ObjectPath, method string, args []any, results ...any) {
		err := bus.Object("org.freedesktop.secrets", object).Call("org.freedesktop.Secret."+method, 0, args...).Store(results...)
		if err != nil {
			b.Fatalf("%s: %v", method, err)
		}
	}
	const service, login = "/org/freedesktop/secrets", "/org/freedesktop/secrets/collection/login"
	var output dbus.Variant
	var session, item, prompt dbus.ObjectPath
	var items []dbus.ObjectPath
	var stored secret
	call(service, "Service.OpenSession", []any{"plain", dbus.MakeVariant("")}, &output, &session)
	call(login, "Collection.SearchItems", []any{map[string]string{"profile": from}}, &items)
	if len(items) != 1 {
		b.Fatalf("the keyring has %d items of dev", len(items))
	}
	call(items[0], "Item.GetSecret", []any{session}, &stored)
	for i := range n {
		name := fmt.Sprintf("aws-accounts/session/other-%d", i)
		call(login, "Collection.CreateItem", []any{map[string]dbus.Variant{
			"org.freedesktop.Secret.Item.Label":      dbus.MakeVariant(name),
			"org.freedesktop.Secret.Item.Attributes": dbus.MakeVariant(map[string]string{"profile": name}),
		}, secret{session, nil, []byte(strings.Replace(string(stored.Value), from, name, 1)), "application/json"}, true}, &item, &prompt)
	}
}
