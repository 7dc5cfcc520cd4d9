// Package davfront is the WebDAV door: RFC 4918 class 1, 2 and 3 over core. Its tree has the buckets at the top, in
// them files and folders; what core.TreeNode says of names and folders holds here. Locks bind the writers of this door
// (and of others that know locks), not those of S3.
package davfront
