package placement

// Happiness is the size of a maximum matching between servers and shares: how
// many servers can each stand in for a share of its own. holders maps a share
// to the servers that hold it; an empty list counts as nobody and a server
// named twice counts once.
//
// Source: util/happinessutil.py servers_of_happiness.
func Happiness[Share, Server comparable](holders map[Share][]Server) int {
	index := make(map[Server]int)
	var edges [][]int
	share := 0
	for _, servers := range holders {
		for _, server := range servers {
			i, known := index[server]
			if !known {
				i = len(edges)
				index[server] = i
				edges = append(edges, nil)
			}
			edges[i] = append(edges[i], share)
		}
		share++
	}
	return maximumMatching(edges, share).size()
}

// maximumMatching matches servers in their order.
func maximumMatching(edges [][]int, numShares int) *matching[int] {
	m := newMatching(edges, numShares)
	for server := range edges {
		m.augment(server)
	}
	return m
}
