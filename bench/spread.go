package main

import (
	"fmt"
	"slices"
	"time"
)

// spread is a figure over several runs.
type spread struct {
	median, lowest, highest, sum float64
	count                        int
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	s := spread{median: median(sorted), lowest: sorted[0], highest: sorted[len(sorted)-1], count: len(sorted)}
	for _, value := range sorted {
		s.sum += value
	}
	return s
}

func (s spread) text(decimals int) string {
	if s.count < 2 {
		return fmt.Sprintf("%.*f", decimals, s.median)
	}
	return fmt.Sprintf("%.*f [%.*f–%.*f]", decimals, s.median, decimals, s.lowest, decimals, s.highest)
}

// median takes sorted values, of which there is at least one.
func median(sorted []float64) float64 {
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// percentile returns the given percentile of sorted values, by nearest rank; 0 if there are none.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
