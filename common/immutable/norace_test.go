//go:build !race

package immutable

const raceEnabled = false
