//go:build !race

package core_test

// slower is how many times fewer operations the random tests run.
const slower = 1
