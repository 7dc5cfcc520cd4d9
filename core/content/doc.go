// Package content keeps the bytes of objects: it turns a stream into blobs, blobs into segments, segments
// into checksummed shards in several spaces, and back. It knows nothing of buckets, keys or metadata stores:
// core resolves where content goes (Target) and remembers what was written (Blob).
//
// Every byte that leaves a Reader was checked against a checksum that is bound to its place; content that
// Put acknowledged lies in enough failure domains to outlive the loss of any one of them.
package content
