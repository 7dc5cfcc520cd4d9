//go:build race

package core_test

// slower is how many times fewer operations the random tests run: the race detector slows SQLite down.
const slower = 10
