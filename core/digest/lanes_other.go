//go:build !amd64

package digest

// lanesSupported tells whether the processor has what the lanes need.
func lanesSupported() bool { return false }

func shaInstructions() bool { return false }

func md5x16(*[8][lanes]uint32, *[lanes]*byte, int) { panic("digest: no lanes here") }

func sha256x16(*[8][lanes]uint32, *[lanes]*byte, int) { panic("digest: no lanes here") }
