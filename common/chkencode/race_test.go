//go:build race

package chkencode

const raceEnabled = true
