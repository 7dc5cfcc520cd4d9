package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionReport is what --json tells.
type versionReport struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	// Commit is the whole id of the commit it was built from; "": the build did not know.
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // with changes that are not committed
}

// text is the report for people.
func (v *versionReport) text() string {
	s := fmt.Sprintf("trivium %s %s %s/%s", v.Version, v.Go, v.OS, v.Arch)
	if v.Commit != "" {
		s += " commit " + v.Commit
	}
	if v.Modified {
		s += " modified"
	}
	return s
}

// versionCommand prints what was built.
func versionCommand() *cobra.Command {
	var out printer
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := programVersion()
			return out.print(cmd, v, v.text())
		},
	}
	out.addFlag(cmd)
	return cmd
}

// programVersion is what was built, and for what.
func programVersion() versionReport {
	v := versionReport{Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Commit, v.Modified = commit(info.Settings)
	}
	return v
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	if id, _ := commit(info.Settings); len(id) >= 12 {
		return id[:12]
	}
	return "devel"
}

// commit finds in the settings of a build what it was built from.
func commit(settings []debug.BuildSetting) (id string, modified bool) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			id = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	return id, modified
}
