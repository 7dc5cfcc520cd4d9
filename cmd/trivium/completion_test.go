package main

import (
	"strings"
	"testing"
)

// TestCompletion asks what a shell asks.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := string(execute(t, "completion", shell)); !strings.Contains(script, "__complete") {
			t.Errorf("completion %s = %.100q, want a script", shell, script)
		}
	}
	for _, tt := range []struct {
		args string
		want []string
		not  string
	}{
		{"serve --log-level |", []string{"debug\n", "warn\n", ":4\n"}, ""}, // 4: no files
		{"us|", []string{"user\t"}, "serve"},
		{"user |", []string{"add\t", "passwd\t"}, ""},
		{"user add |", []string{":4\n"}, ""},
		{"serve --data |", []string{":16\n"}, ""},                  // directories
		{"gc --config |", []string{"yaml\n", "yml\n", ":8\n"}, ""}, // files of these extensions
		{"object put |", []string{":0\n"}, ""},                     // files
		{"object get a/b |", []string{":0\n"}, ""},
		{"object put f a/b |", []string{":4\n"}, ""},
		{"object get |", []string{":4\n"}, ""},                       // no server, no names
		{"key create --se|", []string{"--secret-key\t"}, "--listen"}, // not of this command
	} {
		words := strings.Fields(strings.TrimSuffix(tt.args, "|"))
		if strings.HasSuffix(tt.args, " |") {
			words = append(words, "")
		}
		got := string(execute(t, append([]string{"__complete"}, words...)...))
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("completion of %q = %q, want %q in it", tt.args, got, want)
			}
		}
		if tt.not != "" && strings.Contains(got, tt.not) {
			t.Errorf("completion of %q = %q, want no %s", tt.args, got, tt.not)
		}
	}
}
