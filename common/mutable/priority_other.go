//go:build !linux

package mutable

// lowerPriority does nothing where threads have no priority of their own.
func lowerPriority() {}
