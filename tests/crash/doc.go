// Package crash kills the real server at named points in the middle of concurrent traffic of S3, WebDAV and the native API, starts it again and
// compares everything it ever acknowledged with what it has; and does the same with a power cut, on a file system
// that drops what was not synced.
package crash
