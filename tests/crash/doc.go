// Package crash kills the real server at named points in the middle of concurrent S3 traffic, starts it again and
// compares everything it ever acknowledged with what it has; and does the same with a power cut, on a file system
// that drops what was not synced.
package crash
