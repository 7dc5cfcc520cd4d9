package nativeapi

// Calls returns the paths of all calls of /v1, below v1.Prefix, without those of administrators.
func Calls() (paths []string) {
	for _, e := range newNative(Config{}, nil).endpoints {
		paths = append(paths, e.path)
	}
	return paths
}
