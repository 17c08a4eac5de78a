//go:build !race

package chkencode

const raceEnabled = false
