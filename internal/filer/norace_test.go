//go:build !race

package filer

const raceDetector = false
