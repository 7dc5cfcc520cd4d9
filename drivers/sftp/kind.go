package sftp

import (
	"context"

	"trivium/drivers"
)

// Kind registers spaces on SFTP servers. The key of a server for which the field hostKey is empty is learnt
// (drivers.Learned), unless opts has a Learned of its own.
func Kind(opts Options) drivers.Kind {
	return drivers.Kind{
		Name: "SFTP",
		Fields: []drivers.Field{
			{Name: "host", Help: "name or address of the server", Required: true},
			{Name: "port", Help: "port of the server", Default: "22", Type: drivers.Number},
			{Name: "path", Help: "directory that keeps the content, made if it is missing; a relative one begins in the user's home", Required: true},
			{Name: "hostKey", Help: `the server's key ("ssh-ed25519 AAAA...") or its fingerprint ("SHA256:..."); empty: the first one seen is kept`, Learned: true},
			{Name: "user", Help: "user name", Required: true, Credential: true},
			{Name: "password", Help: "the user's password", Secret: true, Credential: true},
			{Name: "privateKey", Help: "private key in PEM or OpenSSH form, instead of the password", Secret: true, Credential: true},
			{Name: "passphrase", Help: "passphrase of the private key", Secret: true, Credential: true},
		},
		Validate: func(cfg drivers.Config) error {
			_, err := newLogin("", configOf(cfg), opts)
			return err
		},
		Open: func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
			opts := opts
			if opts.Learned == nil {
				opts.Learned = func(_, hostKey string) error { return drivers.Learned(ctx, "hostKey", hostKey) }
			}
			d, err := Open(ctx, name, configOf(cfg), opts)
			if err != nil {
				return nil, err
			}
			return d, nil
		},
	}
}

func configOf(cfg drivers.Config) Config {
	return Config{
		Host: cfg["host"], Port: cfg["port"], Path: cfg["path"], HostKey: cfg["hostKey"], User: cfg["user"],
		Password: cfg["password"], PrivateKey: cfg["privateKey"], Passphrase: cfg["passphrase"],
	}
}
