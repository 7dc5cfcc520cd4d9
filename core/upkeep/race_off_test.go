//go:build !race

package upkeep_test

// fewer is how many times fewer objects the random tests work on: the race detector slows everything down.
const fewer = 1
