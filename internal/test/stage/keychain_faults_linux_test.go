package stage

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus"

	"aws-accounts/internal/test/standin"
)

// dbusSecret is the Secret of the specification.
type dbusSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// item returns the one item of the key, and a session to read it in.
func (k *GNOMEKeyring) item(key string) (item, session dbus.ObjectPath) {
	k.t.Helper()
	var output dbus.Variant
	var items []dbus.ObjectPath
	err := k.bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session)
	if err == nil {
		err = k.bus.Object(secretsName, loginPath).Call("org.freedesktop.Secret.Collection.SearchItems", 0, map[string]string{"profile": key}).Store(&items)
	}
	if err != nil || len(items) != 1 {
		k.t.Fatalf("%d items of %s, %v", len(items), key, err)
	}
	return items[0], session
}

func (k *GNOMEKeyring) value(key string) []byte {
	k.t.Helper()
	item, session := k.item(key)
	var s dbusSecret
	if err := k.bus.Object(secretsName, item).Call("org.freedesktop.Secret.Item.GetSecret", 0, session).Store(&s); err != nil {
		k.t.Fatal(err)
	}
	return s.Value
}

// put replaces what the key's item holds.
func (k *GNOMEKeyring) put(key string, value []byte) {
	k.t.Helper()
	item, session := k.item(key)
	err := k.bus.Object(secretsName, item).Call("org.freedesktop.Secret.Item.SetSecret", 0, dbusSecret{session, []byte{}, value, "text/plain"}).Err
	if err != nil {
		k.t.Fatal(err)
	}
}

// edited changes what we stored, within what the library makes of it.
func edited(t *testing.T, value []byte, edit func(data []byte) []byte) []byte {
	t.Helper()
	var item map[string]any
	var data struct{ Data []byte }
	err := json.Unmarshal(value, &item)
	if err == nil {
		err = json.Unmarshal(value, &data)
	}
	if err != nil {
		t.Fatal(err)
	}
	item["Data"] = edit(data.Data)
	value, err = json.Marshal(item)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Whatever the item has become, it's no session that is handed out: AWS is asked, in time, and the item mended. Nothing panics,
// and the log says that something was wrong without saying what was in it.
func TestDamagedItems(t *testing.T) {
	t.Parallel()
	flip := func(bit int) func(*testing.T, []byte, []byte) []byte {
		return func(t *testing.T, dev, _ []byte) []byte {
			return edited(t, dev, func(data []byte) []byte {
				i := bytes.Index(data, []byte(`"secret_access_key":"`)) + 25
				data[i] ^= 1 << bit
				return data
			})
		}
	}
	replace := func(old, new string) func(*testing.T, []byte, []byte) []byte {
		return func(t *testing.T, dev, _ []byte) []byte {
			return edited(t, dev, func(data []byte) []byte {
				if !bytes.Contains(data, []byte(old)) {
					t.Fatalf("no %s in the item", old)
				}
				return bytes.Replace(data, []byte(old), []byte(new), 1)
			})
		}
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, dev, prod []byte) []byte
	}{
		{"empty", func(*testing.T, []byte, []byte) []byte { return nil }},
		{"cut in half", func(_ *testing.T, dev, _ []byte) []byte { return dev[:len(dev)/2] }},
		{"its end is gone", func(_ *testing.T, dev, _ []byte) []byte { return dev[:len(dev)-1] }},
		{"cut within", func(t *testing.T, dev, _ []byte) []byte {
			return edited(t, dev, func(data []byte) []byte { return data[:len(data)-40] })
		}},
		{"a flipped bit of the secret", flip(0)},
		{"another", flip(1)},
		{"a flipped bit of the container", func(_ *testing.T, dev, _ []byte) []byte { dev[2] ^= 4; return dev }},
		{"of a newer version", replace(`"layout":1`, `"layout":2`)},
		{"longer lived than it is", replace(`"expiration":"20`, `"expiration":"21`)},
		{"another account's", func(_ *testing.T, _, prod []byte) []byte { return prod }},
		{"another account's, under our name", func(t *testing.T, dev, prod []byte) []byte {
			return edited(t, dev, func([]byte) []byte {
				var data []byte
				edited(t, prod, func(d []byte) []byte { data = d; return d })
				return data
			})
		}},
		{"another account's, that says it's ours", func(t *testing.T, dev, prod []byte) []byte {
			return edited(t, dev, func([]byte) []byte {
				var data []byte
				edited(t, prod, func(d []byte) []byte { data = d; return d })
				return bytes.ReplaceAll(data, []byte(`"account":"prod"`), []byte(`"account":"dev"`))
			})
		}},
		{"another program's", func(*testing.T, []byte, []byte) []byte { return []byte("hunter2") }},
		{"another program's, in JSON", func(*testing.T, []byte, []byte) []byte {
			return []byte(`{"Key": ["x"], "Data": {"AccessKeyId": "AKIA", "Version": 1}}`)
		}},
		{"1 MB of rubbish", func(*testing.T, []byte, []byte) []byte { return bytes.Repeat([]byte("A"), 1<<20) }},
		{"1 MB of brackets", func(*testing.T, []byte, []byte) []byte { return bytes.Repeat([]byte("["), 1<<20) }},
		{"1 MB, well formed", func(t *testing.T, dev, _ []byte) []byte {
			return edited(t, dev, func([]byte) []byte { return bytes.Repeat([]byte("["), 1<<20) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			keyring := Keyring(t)
			h := NewHome(t, aws, keyring.Env()...)
			h.Accounts(stageAccountsWith(`{"name": "prod", "account_id": "` + ProdAccount + `", "role_arn": "` + ProdRole + `"}`))
			before, _ := h.process("dev").credentials()
			h.MustRun("aws-accounts", "process", "prod")
			devKey := h.SessionKey("dev")
			keyring.put(devKey, c.make(t, keyring.value(devKey), keyring.value(h.SessionKey("prod"))))

			g := h.process("dev")
			got, ok := g.credentials()
			if !ok || g.took() > keychainTime {
				t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
			}
			if got.AccessKeyId == before.AccessKeyId {
				t.Error("the damaged item was used")
			}
			if aws.CallsWith("AssumeRole", "ok") != 3 {
				t.Errorf("%d AssumeRole", aws.Calls("AssumeRole"))
			}
			if log := accessLog(t, h); !slices.ContainsFunc(log, func(e logEntry) bool { return e.Outcome == "trouble" }) {
				t.Errorf("no trouble in the log: %+v", log)
			}
			if again, ok := h.process("dev").credentials(); !ok || again.AccessKeyId != got.AccessKeyId {
				t.Error("the item isn't mended")
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

func stageAccountsWith(entry string) string {
	return strings.Replace(stageAccounts, "\n\t]", ",\n\t\t"+entry+"\n\t]", 1)
}

// fakeService answers like a Secret Service that has the item, up to the point where it's asked for what is in it.
type fakeService struct{ secret func() }

func (fakeService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), secretsPath + "/session/s1", nil
}

func (fakeService) SearchItems(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	return []dbus.ObjectPath{loginPath + "/1"}, nil
}

func (fakeService) Get(_, property string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(false), nil // Locked
}

func (f fakeService) GetSecret(dbus.ObjectPath) (dbusSecret, *dbus.Error) {
	f.secret()
	return dbusSecret{}, nil
}

// The daemon goes away, or stops to answer, between the search for the item and its reading.
func TestKeychainFailsBetweenSearchAndGet(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dies", "hangs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			keyring := Keyring(t)
			h := NewHome(t, aws, keyring.Env()...)
			h.Accounts(stageAccounts)
			h.process("dev")
			keyring.Stop()

			bus := keyring.Dial()
			defer bus.Close()
			end := make(chan struct{})
			defer close(end)
			reached := make(chan struct{}, 10)
			fake := fakeService{func() {
				reached <- struct{}{}
				if name == "hangs" {
					<-end
				} else {
					bus.Close()
				}
			}}
			for path, name := range map[dbus.ObjectPath]string{secretsPath: "org.freedesktop.Secret.Service", loginPath: "org.freedesktop.Secret.Collection",
				loginPath + "/1": "org.freedesktop.Secret.Item"} {
				bus.Export(fake, path, name)
				bus.Export(fake, path, "org.freedesktop.DBus.Properties")
			}
			if reply, err := bus.RequestName(secretsName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
				t.Fatalf("%v %v", reply, err)
			}
			g := h.process("dev")
			if _, ok := g.credentials(); !ok || g.took() > keychainTime {
				t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
			}
			if len(reached) == 0 {
				t.Error("nobody asked for the item")
			}
			t.Logf("%s: credentials after %v; the log: %+v", name, g.took().Round(time.Millisecond), accessLog(t, h)[1:])
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

// A person's command may have the keychain's dialog shown. Where that can't be, or is cancelled, it goes on without the keychain.
func TestDialogCancelled(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	keyring := Keyring(t)
	h := NewHome(t, aws, keyring.Env()...)
	h.Accounts(stageAccounts)
	keyring.Lock()
	began := time.Now()
	stdout, stderr, status := h.Run("aws-accounts", "assume", "dev")
	took := time.Since(began)
	if status != 0 || !strings.Contains(stdout, "dev: account "+DevAccount) || took > keychainTime {
		t.Errorf("exit %d after %v\n%s%s", status, took, stdout, stderr)
	}
	t.Logf("after %v:\n%s%s", took.Round(time.Millisecond), stdout, stderr)
}

// With another passphrase the file keychain gives nothing and takes nothing; what it holds stays readable with the right one.
func TestAnotherPassphrase(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	before, _ := h.process("dev").credentials()
	for _, passphrase := range []string{"incorrect horse", "CORRECTHORSEBATTERYSTAPLEZ ", "correcthorsebatterystaplez"} {
		g := h.process("dev", "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE="+passphrase)
		got, ok := g.credentials()
		if !ok || got.AccessKeyId == before.AccessKeyId || g.took() > keychainTime {
			t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
		}
		if log := accessLog(t, h); !slices.ContainsFunc(log, func(e logEntry) bool { return strings.Contains(e.Error, "the passphrase does not open ") }) {
			t.Errorf("the log: %+v", log)
		}
	}
	if got, ok := h.process("dev").credentials(); !ok || got.AccessKeyId != before.AccessKeyId {
		t.Error("what was stored is gone")
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// A keychain that can't be had isn't replaced by another, nor by a file.
func TestNeverAnotherKeychain(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"secret-service", "kwallet", "pass", "shoebox"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, World())
			h := NewHome(t, aws, "AWS_ACCOUNTS_KEYCHAIN="+backend, "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE=CORRECTHORSEBATTERYSTAPLEZ",
				"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", "PASSWORD_STORE_DIR=/nonexistent")
			h.Accounts(stageAccounts)
			g := h.process("dev")
			if _, ok := g.credentials(); !ok || g.took() > keychainTime {
				t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
			}
			for _, path := range filesBelow(t, h.Dir) {
				switch name, _ := filepath.Rel(h.Dir, path); name {
				case ".aws/credentials", ".config/aws-accounts/accounts.json", stateDir + "/access_log.jsonl", h.Own("dev.lock"), h.Own("accounts-file.json"):
				default:
					t.Errorf("%s was made", name)
				}
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}
