package memory_test

import (
	"testing"

	"github.com/spillway/spillway/internal/store"
	"github.com/spillway/spillway/internal/store/memory"
	"github.com/spillway/spillway/internal/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Open {
		disk := &memory.Disk{}
		return func(testing.TB) store.Store { return memory.Open(disk) }
	})
}
