package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trivium/core/nearest"
	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// userCommand administers users.
func userCommand() *cobra.Command {
	cmd := groupCommand("user", "Administer users", `Administer users, beside a running server or without one.
Passwords are read from the terminal, or as a line from stdin; never from the command line, which others can see.`)
	cmd.AddCommand(userAdd(), userList(), userState(true), userState(false), userPassword(), userToken(), userDelete())
	return cmd
}

// userAdd makes a user.
func userAdd() *cobra.Command {
	var c config
	var out printer
	var admin, none bool
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Make a user", Args: oneArgument("the name of a user"),
		Example: `  trivium user add ann
  trivium user add backup --no-password && trivium key create --user backup`,
		RunE: func(cmd *cobra.Command, args []string) error {
			u := adminapi.NewUser{Name: args[0], Admin: admin}
			if !none {
				var err error
				if u.Password, err = readSecret(cmd, "password"); err != nil {
					return err
				}
			}
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				made, err := a.CreateUser(ctx, u)
				if err != nil {
					return err
				}
				return out.print(cmd, made, "user "+made.Name+" added: `trivium key create --user "+quote(made.Name)+"` makes an access key for S3")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().BoolVar(&admin, "admin", false, "an administrator, who may do everything")
	cmd.Flags().BoolVar(&none, "no-password", false, "a user who has only access keys")
	return cmd
}

// userList lists users.
func userList() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "list", Short: "List users", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				users, err := a.Users(ctx)
				if err != nil {
					return err
				}
				rows := [][]string{{"NAME", "ADMIN", "STATE", "SINCE"}}
				for _, u := range users {
					rows = append(rows, []string{u.Name, yes(u.Admin), state(u.Disabled), u.CreateTime.Format(time.DateTime)})
				}
				return out.table(cmd, users, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// yes is "yes", or nothing.
func yes(is bool) string {
	if is {
		return "yes"
	}
	return "-"
}

// state is that of a user or key.
func state(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

// userState locks users out, or lets them in again.
func userState(disabled bool) *cobra.Command {
	var c config
	var out printer
	use, short, done := "enable NAME", "Let a disabled user in again", "enabled"
	if disabled {
		use, short, done = "disable NAME", "Lock a user out, access keys included; what is his stays", "disabled"
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneArgument("the name of a user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if err := a.SetUserDisabled(ctx, args[0], disabled); err != nil {
					return meant(ctx, a, args[0], userNames, err)
				}
				return out.print(cmd, adminapi.UserState{Name: args[0], Disabled: disabled}, "user "+args[0]+" "+done)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(userNames, false)
	return cmd
}

// userPassword sets passwords.
func userPassword() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "passwd NAME", Short: "Set a user's password", Args: oneArgument("the name of a user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Before it asks for a password: and not meanwhile, since that would hold the directory.
			err := administer(cmd, &c, func(ctx context.Context, a *client.Client) error { return knownUser(ctx, a, args[0]) })
			if err != nil {
				return err
			}
			password, err := readSecret(cmd, "password")
			if err != nil {
				return err
			}
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if err := a.SetUserPassword(ctx, args[0], password); err != nil {
					return err
				}
				return out.print(cmd, struct {
					Name string `json:"name"`
				}{args[0]}, "password of "+args[0]+" set")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(userNames, false)
	return cmd
}

// userToken makes bearer tokens.
func userToken() *cobra.Command {
	var c config
	var out printer
	var user string
	cmd := &cobra.Command{
		Use: "token", Short: "Make a bearer token of a user's for the native API, as POST /v1/user/login does", Args: noArguments,
		Long: `Make a bearer token of a user's for the native API, as POST /v1/user/login does, and print it with the time when it
ends. Who has it is that user until then, or until the user is disabled or his password changes.`,
		Example: `  curl -H "Authorization: Bearer $(trivium user token --user ann | head -n 1)" http://127.0.0.1:7070/v1/bucket/listAll`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if user == "" {
					var err error
					if user, err = onlyUser(ctx, a, "--user"); err != nil {
						return err
					}
				}
				token, err := a.UserToken(ctx, user)
				if err != nil {
					return err
				}
				until := token.ExpireTime.Local().Format(time.DateTime + " MST")
				return out.print(cmd, token, token.Token, "# good for "+token.User+" until "+until)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&user, "user", "", "whose token it is; may be left out in a store of one user")
	return cmd
}

// userDelete removes users.
func userDelete() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a user who owns no bucket, with his access keys", Args: oneArgument("the name of a user"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if err := a.DeleteUser(ctx, args[0]); err != nil {
					return meant(ctx, a, args[0], userNames, err)
				}
				return out.print(cmd, adminapi.UserName{Name: args[0]}, "user "+args[0]+" and his access keys deleted")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(userNames, false)
	return cmd
}

// meant adds to an error that says that there is no such name which of those that there are is meant.
func meant(ctx context.Context, a *client.Client, name string, list lister, err error) error {
	if !missing(err) || !strings.HasPrefix(err.Error(), name+": ") {
		return err
	}
	names, lerr := list(ctx, a, name)
	if best := nearest.Name(name, names); lerr == nil && best != "" {
		return fmt.Errorf("%w: did you mean %s?", err, best)
	}
	return err
}

// knownUser returns an error when there is no user of that name.
func knownUser(ctx context.Context, a *client.Client, name string) error {
	users, err := a.Users(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, u := range users {
		if u.Name == name {
			return nil
		}
		names = append(names, u.Name)
	}
	return fmt.Errorf("%s: there is no such user: %s", name, nearest.Suggest("", name, names))
}

// onlyUser returns the name of the one user that a store has who is not disabled, for commands that name none with
// flag.
func onlyUser(ctx context.Context, a *client.Client, flag string) (string, error) {
	users, err := a.Users(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, u := range users {
		if !u.Disabled {
			names = append(names, u.Name)
		}
	}
	switch {
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", errors.New("the store has no user who is not disabled: `trivium user add` makes one")
	}
	return "", fmt.Errorf("for which user? Name one with %s: there are %s", flag, some(names))
}
