// Package server is the outer wall: it listens, speaks TLS and HTTP, gives every request an identity and a
// line in the log, cuts connections that make no progress, answers below /-/ and hands everything else to the
// door it belongs to. It knows nothing of buckets: doors are http.Handlers that the caller puts in.
package server
