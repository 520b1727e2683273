// Package format tells whether texts are what the formats of JSON Schema and OpenAPI name.
package format

// Asserted reports whether a format of strings is enforced; all others are notes for readers.
func Asserted(name string) bool { return false }

// Holds reports whether a text has a format. Every text has a format that is not enforced.
func Holds(name string, text []byte) bool { return true }
