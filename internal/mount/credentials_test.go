package mount

import (
	"os"
	"slices"
	"testing"
)

func TestGroupsOfProcess(t *testing.T) {
	want, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	got, ok := groupsOfProcess(uint32(os.Getpid()))
	if !ok || len(got) != min(len(want), maxGroups) {
		t.Fatalf("%v, %v; want %v", got, ok, want)
	}
	for _, g := range got {
		if !slices.Contains(want, int(g)) {
			t.Errorf("%d is none of the groups %v", g, want)
		}
	}
	for _, pid := range []uint32{0, 1<<32 - 1} {
		if _, ok := groupsOfProcess(pid); ok {
			t.Errorf("process %d has groups", pid)
		}
	}
}

func TestOnlySixteenGroupsGoIntoACredential(t *testing.T) {
	list := make([]string, 20)
	for i := range list {
		list[i] = "7"
	}
	if got := gids(list); len(got) != maxGroups {
		t.Errorf("%d groups", len(got))
	}
}
