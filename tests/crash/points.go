package crash

// points are the named points that the traffic of all doors and the collector of one server pass, with the greatest number of
// passes after which a round kills the process there: what is passed rarely has to be small.
func points() map[string]int {
	return map[string]int{
		"shard.put.before":       25,
		"shard.put.after":        25,
		"put.done":               30,
		"shard.remove.before":    8,
		"shard.remove.after":     8,
		"put.commit.before":      40,
		"put.commit.after":       40,
		"part.commit.before":     8,
		"part.commit.after":      8,
		"complete.commit.before": 3,
		"complete.commit.after":  3,
		"update.before":          20,
		"delete.commit.before":   10,
		"delete.commit.after":    10,
		"commit.before":          60,
		"commit.after":           60,
		"answer.before":          60,
		"gc.claim.before":        3,
		"gc.claim.after":         3,
		"gc.commit.before":       3,
		"gc.commit.after":        3,
		"move.commit.before":     4,
		"move.commit.after":      4,
		"lists.commit.before":    1,
		"lists.commit.after":     1,
		"lease.before":           1,
		"lease.after":            1,
	}
}

// unreached are points that one server with a local space cannot pass, each with the suite that passes it.
func unreached() map[string]string {
	return map[string]string{
		"log.aside":             "no log is damaged: core/meta/sqlite",
		"log.cut":               "core/meta/sqlite",
		"log.judged":            "core/meta/sqlite",
		"log.kept":              "core/meta/sqlite",
		"repair.done":           "one space has nothing to rebuild from: tests/faults",
		"repair.commit.before":  "tests/faults",
		"repair.commit.after":   "tests/faults",
		"pack.commit.before":    "policy none keeps short content inline: tests/faults",
		"pack.commit.after":     "tests/faults",
		"convert.commit.before": "no policy changes: core/upkeep",
		"convert.commit.after":  "core/upkeep",
	}
}
