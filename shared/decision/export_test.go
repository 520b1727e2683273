package decision

// Read reads a decision without judging it.
func Read(s string) (*Decision, error) { return read(s) }
