//go:build race

package immutable

const raceEnabled = true
