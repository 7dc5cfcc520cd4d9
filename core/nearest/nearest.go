// Package nearest finds the name that was meant by one that is not known. It is pure.
package nearest

import "strings"

// Suggest says which known name is meant by name ("did you mean --listen?"), or lists them all. prefix stands before
// each.
func Suggest(prefix, name string, known []string) string {
	if best := Name(name, known); best != "" {
		return "did you mean " + prefix + best + "?"
	}
	return "there are " + prefix + strings.Join(known, ", "+prefix)
}

// Name returns the known name that name begins, or else the one that the fewest edits make of it; "" when that
// takes more than a slip of the finger. Its cost grows with the length of name, which the caller bounds.
func Name(name string, known []string) string {
	best, least := "", min(2, len(name)/2)+1
	for _, k := range known {
		d := edits(name, k)
		if len(name) > 2 && strings.HasPrefix(k, name) {
			d = 0
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			diagonal = row[j+1]
			row[j+1] = min(swap, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
