//go:build race

package filer

const raceDetector = true
