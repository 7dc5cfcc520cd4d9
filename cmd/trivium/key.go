package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// keyCommand administers access keys.
func keyCommand() *cobra.Command {
	cmd := groupCommand("key", "Administer access keys", `Administer access keys of S3 clients, beside a running server or without one.
What is changed holds for the next request.`)
	cmd.AddCommand(keyCreate(), keyList(), keyRevoke())
	return cmd
}

// keyCreate makes access keys.
func keyCreate() *cobra.Command {
	var c config
	var out printer
	var k adminapi.NewKey
	cmd := &cobra.Command{
		Use: "create", Short: "Make an access key and show its secret, once", Args: noArguments,
		Long: `Make an access key and show its secret, once, in a form that a shell can source. Without --access-key and
--secret-key both are drawn.`,
		Example: `  trivium key create --user ann
  trivium key create --user ann --access-key ANNSKEY --secret-key - <secret`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (k.AccessKey == "") != (k.SecretKey == "") {
				return errors.New("--access-key and --secret-key go together: give both or none")
			}
			if k.SecretKey == "-" {
				var err error
				if k.SecretKey, err = readSecret(cmd, "secret key"); err != nil {
					return err
				}
			}
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				return createKey(ctx, cmd, a, k, out)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&k.User, "user", "", "whose key it is; may be left out in a store of one user")
	_ = cmd.RegisterFlagCompletionFunc("user", c.names(userNames, true))
	cmd.Flags().StringVar(&k.AccessKey, "access-key", "", "access key of your choice")
	cmd.Flags().StringVar(&k.SecretKey, "secret-key", "", "its secret; - reads it from the terminal or stdin, where nobody else can see it")
	return cmd
}

// createKey makes a key and prints it.
func createKey(ctx context.Context, cmd *cobra.Command, a *client.Client, k adminapi.NewKey, out printer) error {
	if k.User == "" {
		var err error
		if k.User, err = onlyUser(ctx, a, "--user"); err != nil {
			return err
		}
	}
	pair, err := a.CreateKey(ctx, k)
	if err != nil {
		return meant(ctx, a, k.User, userNames, err)
	}
	return out.print(cmd, pair, "# an access key of "+pair.User+"; its secret is not shown again",
		"AWS_ACCESS_KEY_ID="+quote(pair.AccessKey), "AWS_SECRET_ACCESS_KEY="+quote(pair.SecretKey))
}

// keyList lists access keys.
func keyList() *cobra.Command {
	var c config
	var out printer
	var user string
	cmd := &cobra.Command{
		Use: "list", Short: "List access keys, without their secrets", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				keys, err := a.Keys(ctx, user)
				if err != nil {
					return meant(ctx, a, user, userNames, err)
				}
				rows := [][]string{{"ACCESS KEY", "USER", "STATE", "SINCE"}}
				for _, k := range keys {
					rows = append(rows, []string{k.AccessKey, k.User, state(k.Disabled), k.CreateTime.Format(time.DateTime)})
				}
				return out.table(cmd, keys, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&user, "user", "", "of this user alone")
	_ = cmd.RegisterFlagCompletionFunc("user", c.names(userNames, true))
	return cmd
}

// keyRevoke removes access keys.
func keyRevoke() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "revoke ACCESS-KEY", Short: "Remove an access key: it lets nobody in any more", Args: oneArgument("an access key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if err := a.RevokeKey(ctx, args[0]); err != nil {
					return meant(ctx, a, args[0], keyNames, err)
				}
				return out.print(cmd, adminapi.KeyName{AccessKey: args[0]}, "access key "+args[0]+" revoked")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(keyNames, false)
	return cmd
}
