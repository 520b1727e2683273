// Package contract holds the runtime form of a contract: which operation a method and a path lead to, and which scopes
// it needs. A contract is compiled once, when it is published (package contract/openapi does that), into chunks that the
// store keeps; an instance decodes the index chunk and matches calls against it without ever parsing a contract.
//
// This package is what the data plane imports, so it depends on nothing but the standard library and shared/catalog.
// Compilers are separate packages because they are heavy.
//
// The order in which a call is matched: the path picks the templates that cover it, most specific first (see
// Index.Match), and the method picks the operation among them.
package contract

import "sluice/shared/catalog"

// The names of the chunks of a compiled contract.
const (
	ChunkSource   = "source"   // the document as it was sent, and its media type: see Source
	ChunkIndex    = "index"    // what calls are matched against: see DecodeIndex
	ChunkFindings = "findings" // what an owner should tidy up: see DecodeFindings
)

// MaxSource is the largest document that is taken, in bytes.
const MaxSource = 5 << 20

// Compiled is one contract, ready to be stored and served. It does not change.
type Compiled struct {
	Revision   catalog.RevisionID // hex SHA-256 of the source
	Format     string             // "openapi-3.0", "openapi-3.1", "openapi-3.2"
	Title      string             // what the document calls itself; may be empty
	Operations int                // how many operations calls can be matched to
	Findings   []Finding          // what is untidy, sorted by pointer
	Chunks     map[string][]byte  // by chunk name; compressed, checksummed, of any size
}

// Level says how much a finding matters.
type Level string

// The levels of a finding, worst first.
const (
	Warning Level = "warning" // probably not what the author meant: something is ignored or cannot be reached
	Info    Level = "info"    // untidy, without an effect on what is served
)

// Finding is something that an owner should tidy up in a document that can be served all the same.
type Finding struct {
	Rule    string `json:"rule"`    // stable name of the rule, "unknown-field"
	Level   Level  `json:"level"`   // how much it matters
	Pointer string `json:"pointer"` // RFC 6901, into the document
	Message string `json:"message"` // what is there
	Fix     string `json:"fix"`     // what to do about it
}

// Operation is one thing that the contract lets a consumer do.
type Operation struct {
	ID       string     // the contract's operationId, or "METHOD /template" where it has none; unique in the contract
	Method   string     // upper case
	Template string     // the path as the contract writes it, "/pets/{id}"
	Scopes   [][]string // alternatives: satisfied if any inner list is a subset of what the caller has; empty: none needed
}
