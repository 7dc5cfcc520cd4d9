// Package sigv4 is AWS Signature Version 4 for servers and clients: it verifies and makes signatures in the
// Authorization header and in the query, and reads and writes bodies in the aws-chunked forms. It follows the
// AWS General Reference and the "Authenticating Requests" chapter of the S3 API reference, with S3's rules: a
// path is encoded once and never normalised.
//
// The package knows neither S3's error codes nor who owns a key: a Lookup finds secrets and every refusal is
// an *Error whose Reason a door translates.
package sigv4
