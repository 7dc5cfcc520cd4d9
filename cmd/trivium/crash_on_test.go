//go:build crashpoints

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestCrashHookErrors(t *testing.T) {
	for _, at := range []string{"x", "x:", "x:0", "x:-1", ":1", "x:y"} {
		if _, err := (crashPlan{at: at}).hook(); err == nil {
			t.Errorf("TRIVIUM_CRASH=%q is accepted", at)
		}
	}
	if hook, err := (crashPlan{}).hook(); hook != nil || err != nil {
		t.Errorf("no plan: hook %v, %v, want none", hook != nil, err)
	}
}

// TestCrashHookKills runs itself and dies at the second hit.
func TestCrashHookKills(t *testing.T) {
	if log := os.Getenv("TRIVIUM_TEST_DIE"); log != "" {
		hook, err := (crashPlan{at: "p:2", log: log}).hook()
		if err != nil {
			os.Exit(3)
		}
		hook("q")
		hook("p")
		hook("q")
		hook("p")
		os.Exit(4)
	}
	log := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashHookKills$")
	cmd.Env = append(os.Environ(), "TRIVIUM_TEST_DIE="+log)
	_ = cmd.Run()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
		t.Errorf("process ended with %v, want SIGKILL", cmd.ProcessState)
	}
	if got, err := os.ReadFile(log); err != nil || string(got) != "crash p\n" {
		t.Errorf("log = %q, %v", got, err)
	}
}
