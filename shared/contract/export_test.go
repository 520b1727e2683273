package contract

// DecodeContent lets fuzzing reach what the checksum of a chunk guards.
func DecodeContent(content []byte) (*Index, error) { return decodeIndex(content) }
