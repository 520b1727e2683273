package engine

import "syscall"

// dieWithUs has the kernel end a child when the test binary dies, however it dies.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
