//go:build !race

package content

// raceEnabled: see race_on_test.go.
const raceEnabled = false
