package sftp_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/sftp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func suite(t *testing.T, config func(path string) sftp.Config) {
	var root string
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		root = filepath.Join(t.TempDir(), "root")
		return open(t, config(root), sftp.Options{})
	}, drivertest.Options{
		Reserved: []string{".trivium-tmp", ".Trivium-TMP"},
		Symlink: func(t *testing.T, _ drivers.Driver, name, target string) {
			if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		},
		Outside: func(t *testing.T, _ drivers.Driver) {
			entries, err := os.ReadDir(filepath.Dir(root))
			if err != nil || len(entries) != 1 {
				t.Errorf("beside the root there is %v, %v", entries, err)
			}
			if _, err := os.Stat("/tmp/trivium-escape"); err == nil {
				t.Error("a name left the root")
			}
		},
	})
}

// TestOpenSSH runs the suite against OpenSSH.
func TestOpenSSH(t *testing.T) { suite(t, newSSHD(t).config) }

// TestGoServer runs the suite against the server of github.com/pkg/sftp.
func TestGoServer(t *testing.T) { suite(t, newGoServer(t, false).driverConfig) }
