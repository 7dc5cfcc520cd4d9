package sqlmeta

import "strings"

// maxKey is one more than the longest key: so many 0xff order after every key.
const maxKey = 1025

// after returns the least key that orders after every key with that prefix; last when there is none.
func after(prefix string) (bound string) {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return strings.Repeat("\xff", maxKey)
}
