package main

import "testing"

func TestQueueCommands(t *testing.T) {
	f := startRemote(t)
	f.wants(`QUEUE +WEIGHT .*QUOTA\nnight +2.5 .*10 tasks, 64 vcpus, 512 GiB\n`, "queue", "set", "night", "--weight", "2.5", "--vcpus", "64", "--memory", "512GiB", "--tasks", "10")
	f.wants(`night +2.5 .* paused\n`, "queue", "set", "night", "--pause", "--vcpus", "0")
	f.wants(`"paused": true`, "queue", "list", "--json")
	f.wants(`night +2.5 .*10 tasks, 512 GiB\n`, "queue", "set", "night", "--no-pause")
	f.refuses(2, `weight|expected`, "queue", "set", "night", "--weight", "0")
	f.wants(`queue night is deleted`, "queue", "delete", "night")
	f.refuses(1, `no queue "night"`, "queue", "delete", "night")
}
