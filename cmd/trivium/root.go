package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trivium/core/nearest"
)

// newRoot makes the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "trivium",
		Short:         "An object store with three doors: S3, WebDAV and a JSON API",
		Long:          `An object store with three doors: S3, WebDAV and a JSON API. "trivium serve" runs it: without flags and without a configuration, in ./data.`,
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
		Version:       version(),
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(serveCommand(), userCommand(), keyCommand(), bucketCommand(), policyCommand(), objectCommand(), spaceCommand(), gcCommand(), doctorCommand(), scrubCommand(), repairCommand(), versionCommand(), completionCommand())
	noFiles(root)
	return root
}

// noFiles keeps shells from offering files as arguments of commands that do not say what theirs are.
func noFiles(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, c := range cmd.Commands() {
		noFiles(c)
	}
}

// groupCommand makes a command that is only there for those below it.
func groupCommand(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// knownCommand is reached when the first argument of the program, or of a group, is none of its commands.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	return fmt.Errorf("unknown command %s: %s", args[0], nearest.Suggest("", args[0], known))
}

// oneArgument is for commands that take what is named, and nothing else.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 || args[0] == "":
			return fmt.Errorf("%s needs %s: %s", cmd.CommandPath(), what, cmd.UseLine())
		case len(args) > 1:
			return fmt.Errorf("%s takes %s and nothing else: what is %q?", cmd.CommandPath(), what, args[1])
		}
		return nil
	}
}

// noArguments is for commands that take flags alone.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if err := flagForValue(cmd); err != nil {
		return err
	}
	return fmt.Errorf("%s takes no arguments, only flags: what is %q?", cmd.CommandPath(), args[0])
}

// flagForValue finds a flag that has taken the next one for its value, which leaves that one's value over.
func flagForValue(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if value := f.Value.String(); err == nil && strings.HasPrefix(value, "--") && cmd.Flags().Lookup(value[2:]) != nil {
			need := "a value"
			if f.DefValue == "false" || f.DefValue == "true" {
				need = "true or false"
			}
			err = fmt.Errorf("--%s needs %s, and %s stands in its place", f.Name, need, value)
		}
	})
	return err
}

// flagError says of a flag without a value that it needs one, and of an unknown one which is near, or which there
// are.
func flagError(cmd *cobra.Command, err error) error {
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		if f := bare.GetFlag(); f.DefValue == "false" {
			return fmt.Errorf("--%s needs a value: true or false", f.Name)
		}
		return fmt.Errorf("--%s needs a value", bare.GetFlag().Name)
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 { // the flag belongs to a command that is none
		return knownCommand(cmd, args)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	name := strings.TrimLeft(unknown.GetSpecifiedName(), "-")
	if short := unknown.GetSpecifiedShortnames(); short != "" { // there are none: a dash is missing
		return fmt.Errorf("unknown flag -%s: %s", short, nearest.Suggest("--", short, known))
	}
	if meant := ofCommand(cmd, name); meant != "" && nearest.Name(name, known) == "" {
		return fmt.Errorf("unknown flag --%s: did you mean %s?", name, meant)
	}
	return fmt.Errorf("unknown flag --%s: %s", name, nearest.Suggest("--", name, known))
}

// ofCommand returns the command below cmd with a flag of that name, or near it, such as "trivium serve --data"; "" when
// there is none.
func ofCommand(cmd *cobra.Command, name string) string {
	best := ""
	for _, c := range cmd.Commands() {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		flag := nearest.Name(name, known)
		if flag != "" && (best == "" || c.Name() == "serve") { // what is meant as a rule
			best = c.CommandPath() + " --" + flag
		}
	}
	return best
}
