package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxLine bounds what is read of a secret, in bytes; the longest password is shorter.
const maxLine = 4 << 10

// readSecret reads a secret: from a terminal without showing it, twice so that no slip stays unseen, else the first
// line of stdin.
func readSecret(cmd *cobra.Command, what string) (string, error) {
	in := cmd.InOrStdin()
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return firstLine(in, what)
	}
	first, err := ask(cmd.ErrOrStderr(), f, what+": ")
	if err != nil {
		return "", err
	}
	second, err := ask(cmd.ErrOrStderr(), f, what+" again: ")
	if err == nil && first != second {
		err = fmt.Errorf("the two are not the same: nothing was changed, try again")
	}
	return first, err
}

// firstLine reads a line without its end.
func firstLine(in io.Reader, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, maxLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the %s from stdin: %w", what, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("stdin has no %s: type it on a terminal, or pipe it in as one line", what)
	}
	return line, nil
}

// ask reads a secret from a terminal.
func ask(prompt io.Writer, f *os.File, question string) (string, error) {
	if _, err := fmt.Fprint(prompt, question); err != nil {
		return "", err
	}
	b, err := term.ReadPassword(int(f.Fd()))
	_, _ = fmt.Fprintln(prompt) // the end of the line was not shown either
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	return string(b), nil
}
