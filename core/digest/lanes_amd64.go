package digest

import "github.com/klauspost/cpuid/v2"

// md5x16 and sha256x16 digest blocks of 64 bytes of 16 messages: state[w][i] is word w of message i.
//
//go:noescape
func md5x16(state *[8][lanes]uint32, msgs *[lanes]*byte, blocks int)

//go:noescape
func sha256x16(state *[8][lanes]uint32, msgs *[lanes]*byte, blocks int)

// lanesSupported tells whether the processor, and the system, have what the lanes need.
func lanesSupported() bool {
	return cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL)
}

// shaInstructions tells whether the standard library's SHA-256 has instructions of its own to use.
func shaInstructions() bool { return cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4) }
