//go:build !linux

package process

import "syscall"

// Elsewhere there is no parent-death signal: ^C ends the children, kill -9 of this process does not.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// EndWithParent does nothing here.
func EndWithParent() error { return nil }

// Alive reports whether the process has not ended yet, as far as is known.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
