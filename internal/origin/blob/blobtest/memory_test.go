package blobtest

import (
	"testing"

	"github.com/spillway/spillway/internal/origin/blob"
)

func TestMemory(t *testing.T) {
	Run(t, Kindness{}, func(*testing.T) blob.Store { return NewMemory() })
}
