// Package davxml reads and writes the documents of WebDAV (RFC 4918 §14): a tree of elements with their namespaces,
// within fixed bounds of memory.
package davxml
