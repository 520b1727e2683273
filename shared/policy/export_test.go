package policy

import (
	"bytes"
	"errors"
)

// LoadOnly is Load that does not fall back to compiling.
func LoadOnly(modules map[string]string, compiled []byte, entry string, options ...Option) (*Engine, error) {
	rules, ok := bytes.CutPrefix(compiled, head(modules))
	if !ok {
		return nil, errors.New("made of other modules")
	}
	return load(rules, entry, options)
}

// LoadRules is load.
func LoadRules(rules []byte, entry string) (*Engine, error) { return load(rules, entry, nil) }

// Head is what precedes the rules.
func Head(modules map[string]string) []byte { return head(modules) }

// ReadsPath reports whether verdicts are remembered by the call's path, too.
func ReadsPath(e *Engine) bool { return e.memo.path }
