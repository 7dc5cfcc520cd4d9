// Package s3front is the S3 door: it turns S3's REST protocol into calls of core's Sessions. One wrapper
// (ServeHTTP of door) gives every request its id, finds its operation in a table of method and sub-resources,
// authenticates it, runs one handler and writes the reply or the XML error. A request whose sub-resources are
// not in the table never reaches a data operation.
//
// A new operation is a handler, a line in routes and golden pairs in testdata; all steps are in
// docs/adding-an-operation.md.
package s3front
