// Package core is the house behind the doors: the nouns, the errors, the contract of the metadata store, and
// Service with its Sessions, which decide everything a caller may do. Semantics that two doors need live
// here once: access, versions, preconditions, uploads, listings, folder rules. Core knows no HTTP, no XML and
// no SQL; content reaches spaces through core/content.
package core
