//go:build race

package content

// raceEnabled tells that the race detector is on: it makes everything ten times slower, and looks for other
// faults than those that many sizes and rounds find.
const raceEnabled = true
