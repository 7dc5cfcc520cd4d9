package main

import "testing"

// TestRemoteCaller: whom a command asks as, by the environment.
func TestRemoteCaller(t *testing.T) {
	file := []string{"TRIVIUM_ADMIN_USER=admin", "TRIVIUM_ADMIN_PASSWORD=of the file"}
	for _, tt := range []struct {
		name               string
		env                []string
		wantName, wantWord string
	}{
		{"nobody", nil, "", ""},
		{"named", []string{"TRIVIUM_USER=boss", "TRIVIUM_PASSWORD=word"}, "boss", "word"},
		{"credentials file", file, "admin", "of the file"},
		{"both", append([]string{"TRIVIUM_USER=boss", "TRIVIUM_PASSWORD=word"}, file...), "boss", "word"},
		{"half of the first", append([]string{"TRIVIUM_USER=boss"}, file...), "boss", ""},
	} {
		c, err := parse(t, nil, append([]string{"TRIVIUM_SERVER=https://store.example"}, tt.env...))
		if err != nil {
			t.Fatal(err)
		}
		if name, word := c.remote.caller(); name != tt.wantName || word != tt.wantWord {
			t.Errorf("%s: asks as %q with %q, want %q, %q", tt.name, name, word, tt.wantName, tt.wantWord)
		}
		if far, err := c.farServer(); (far != nil) != (tt.wantWord != "") || (err != nil) != (tt.wantWord == "") {
			t.Errorf("%s: farServer = %v, %v", tt.name, far, err)
		}
	}
}
