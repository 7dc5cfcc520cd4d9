// Package s3xml reads and writes the XML of the S3 protocol. Writing appends to a buffer, since encoding/xml
// would dominate the time of a listing. Reading builds a small tree of a document whose size its caller has
// bounded, and refuses document types, entities of its own, deep nesting and too many elements.
package s3xml
