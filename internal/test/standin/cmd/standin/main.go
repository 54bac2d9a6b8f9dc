// Standin runs the stand-in AWS of the tests for trying things out by hand.
//
//	go run ./internal/test/standin/cmd/standin >env &   # prints shell exports, then serves until it is interrupted
//	. ./env; aws sts get-caller-identity
//	curl $STANDIN/_standin/counts                  # see serveControl in the package for all of it
//
// Flags: -listen address, -config file (the JSON form of standin.Config), -user name (whose key is exported), -moto (starts
// moto_server behind it for all that it doesn't do itself).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"aws-accounts/internal/test/standin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to listen on")
	path := flags.String("config", "", "JSON `file` that declares the world (default: an example)")
	name := flags.String("user", "", "`name` of the user whose key is exported (default: the first)")
	moto := flags.Bool("moto", false, "start moto_server for what the stand-in doesn't do")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg := example()
	if *path != "" {
		var err error
		if cfg, err = read(*path); err != nil {
			return err
		}
	}
	if *moto {
		ctx, cancel := context.WithCancel(ctx)
		url, wait, err := standin.StartMoto(ctx)
		if err != nil {
			cancel()
			return err
		}
		defer func() { cancel(); wait() }()
		cfg.Moto = url
	}
	s := standin.New(cfg)
	if err := s.Listen(*listen); err != nil {
		return err
	}
	defer s.Close()
	env := append(s.Env(), "STANDIN="+s.URL())
	if *name == "" && len(cfg.Users) > 0 {
		*name = cfg.Users[0].Name
	}
	if *name != "" {
		env = append(env, s.KeyEnv(*name)...)
	}
	if cfg.Container != nil {
		env = append(env, s.ContainerEnv()...)
	}
	if cfg.Instance != nil {
		env = append(env, s.InstanceEnv()...)
	}
	var out bytes.Buffer
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		fmt.Fprintf(&out, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	if _, err := stdout.Write(out.Bytes()); err != nil { // in one write: whoever reads it sees all or nothing
		return err
	}
	<-ctx.Done()
	return nil
}

func read(path string) (cfg standin.Config, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return cfg, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cfg); err != nil {
		return cfg, fmt.Errorf("reading %s: %w", path, err)
	}
	return cfg, nil
}

// example is the world of the README's accounts file.
func example() standin.Config {
	const main, dev, prod = "123456789012", "987654321098", "555555555555"
	return standin.Config{
		Accounts: []standin.Account{{ID: main, Name: "main"}, {ID: dev, Name: "dev"}, {ID: prod, Name: "prod"}},
		Users:    []standin.User{{Account: main, Name: "me", MFA: []standin.MFADevice{{}}}},
		Roles: []standin.Role{
			{ARN: "arn:aws:iam::" + dev + ":role/CrossAccountAdminRole", Trust: standin.Trust{Principals: []string{main}}},
			{ARN: "arn:aws:iam::" + prod + ":role/CrossAccountAdminRole", Trust: standin.Trust{Principals: []string{main, dev}}},
		},
		Buckets: []standin.Bucket{{Account: main, Name: "main-bucket"}, {Account: dev, Name: "dev-bucket"}, {Account: prod, Name: "prod-bucket"}},
		IdentityCenter: []standin.IdentityCenter{{
			StartURL:    "https://corp.awsapps.com/start",
			Assignments: []standin.Assignment{{Account: dev, Role: "ReadOnly"}, {Account: prod, Role: "ReadOnly"}},
		}},
		Organization: &standin.Organization{ManagementAccount: main, Members: []standin.OrgMember{
			{ID: main, Name: "main"}, {ID: dev, Name: "dev"}, {ID: prod, Name: "prod"},
		}},
	}
}
