package main

import (
	"io"

	"github.com/spf13/cobra"
)

// completionCommand writes completions. Cobra's own shows its help for a shell that it does not know, as if all were well.
func completionCommand() *cobra.Command {
	cmd := groupCommand("completion", "Write completions for a shell", `Write what completes commands, flags, files and, where a server runs, the names of users, buckets and objects in
a shell, which loads it, such as:

  source <(trivium completion bash)      # needs the package bash-completion
  trivium completion zsh >"${fpath[1]}/_trivium"
  trivium completion fish | source
  trivium completion powershell | Out-String | Invoke-Expression`)
	for _, sh := range []struct {
		name  string
		write func(root *cobra.Command, w io.Writer) error
	}{
		{"bash", func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
		{"zsh", (*cobra.Command).GenZshCompletion},
		{"fish", func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }},
		{"powershell", (*cobra.Command).GenPowerShellCompletionWithDesc},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: sh.name, Short: "Write completions for " + sh.name, Args: noArguments, DisableFlagsInUseLine: true,
			RunE: func(cmd *cobra.Command, _ []string) error { return sh.write(cmd.Root(), cmd.OutOrStdout()) },
		})
	}
	return cmd
}
