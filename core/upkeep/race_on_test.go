//go:build race

package upkeep_test

// fewer: see race_off_test.go.
const fewer = 4
