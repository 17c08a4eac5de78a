package mutable

import "syscall"

// lowPriority is a nice value that leaves the goroutine a tenth of what others get.
// With less, the garbage collector would wait for it on a busy machine.
const lowPriority = 10

// lowerPriority gives the calling thread a low priority. Linux keeps a nice
// value for each thread. Failure is of no consequence.
func lowerPriority() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), lowPriority)
}
