//go:build !linux

package process

import "syscall"

// Elsewhere there is no parent-death signal: ^C ends the children, kill -9 of this process does not.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// EndWithParent does nothing here.
func EndWithParent() error { return nil }
