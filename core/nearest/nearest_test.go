package nearest

import "testing"

func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"listen", "lisen", 1}, {"kitten", "sitting", 3}, {"same", "same", 0}, {"ab", "ba", 2}} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("edits(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestName(t *testing.T) {
	known := []string{"data", "listen", "now", "master-key-file"}
	for name, want := range map[string]string{
		"lisen": "listen", "listenn": "listen", "lsiten": "listen", "dat": "data", "date": "data", "nwo": "", "noww": "now",
		"master-key": "master-key-file", "l": "", "": "", "prot": "", "x": "", "listening": "", "ma": "",
	} {
		if got := Name(name, known); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Name("x", nil); got != "" {
		t.Errorf("Name of nothing = %q", got)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"data", "listen"}
	for name, want := range map[string]string{"lisen": "did you mean --listen?", "port": "there are --data, --listen"} {
		if got := Suggest("--", name, known); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", name, got, want)
		}
	}
}
