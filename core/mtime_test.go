package core

import "testing"

func TestMTime(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1700000000": 1_700_000_000e9, "1700000000.5": 1_700_000_000.5e9, "1.000000001": 1_000_000_001, "-1.5": -1_500_000_000, "-0.5": -500_000_000,
	} {
		got, ok := ParseMTime(in)
		if !ok || got != want || FormatMTime(got) != in {
			t.Errorf("ParseMTime(%q) = %d, %v, formatted %q, want %d", in, got, ok, FormatMTime(got), want)
		}
	}
	for _, in := range []string{"", "x", ".5", "1.", "1.0000000001", "1e9", "1.-5", "99999999999", "2020-01-01"} {
		if got, ok := ParseMTime(in); ok {
			t.Errorf("ParseMTime(%q) = %d, want none", in, got)
		}
	}
}

// TestClientMetadata: the spelling of a client lasts as long as its time.
func TestClientMetadata(t *testing.T) {
	spelled := func() Version {
		return Version{MTime: 1_500_000_000, Attrs: Attrs{Metadata: map[string]string{"mtime": "1.50"}}}
	}
	for want, change := range map[string]func(v *Version){
		"1.50": func(*Version) {},
		"2":    func(v *Version) { v.setMTime(2_000_000_000) },
		"":     func(v *Version) { v.setMTime(NoTime) },
	} {
		v := spelled()
		was := v.Attrs.Metadata
		change(&v)
		if got := v.ClientMetadata()["mtime"]; got != want {
			t.Errorf("mtime is shown as %q, want %q", got, want)
		}
		if other := v.Attrs.Metadata["mtime"]; other != "" && other != want {
			t.Errorf("mtime %q is %q in the metadata", want, other)
		}
		if was["mtime"] != "1.50" {
			t.Error("the metadata of another version changed")
		}
	}
	if v := (Version{MTime: NoTime}); v.ClientMetadata()["mtime"] != "" {
		t.Errorf("no mtime is shown as %q", v.ClientMetadata()["mtime"])
	}
}
