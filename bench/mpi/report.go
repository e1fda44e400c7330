//go:build mpi

package main

import (
	"fmt"
	"math"
)

// link is a network between ranks: seconds a message, bytes a second.
type link struct{ latency, bytes float64 }

// tenGigabit is an Ethernet of 10 Gb/s with the latency that TCP has on it.
var tenGigabit = link{30e-6, 10e9 / 8}

// cost is the model of a step's exchange: three collectives, the meeting (a few bytes), the parts of the gradients to those who add them up, and the
// sums back, each of P-1 messages one after another. A rank sends bytes = 4 F (k + 1) (P-1)/P, F numbers of each of its k vectors.
func (l link) cost(ranks int, bytes float64) float64 {
	return 3*float64(ranks-1)*l.latency + bytes/l.bytes
}

// best is the same where messages go in rounds of doubling, as MPI libraries send short ones.
func (l link) best(ranks int, bytes float64) float64 {
	return 3*math.Ceil(math.Log2(float64(ranks)))*l.latency + bytes/l.bytes
}

// fit is the link that two ranks here had: from the sums of the smallest and the largest gradients.
func fit(small, large sample) link {
	perByte := (large.Least - small.Least) / float64(large.Bytes-small.Bytes)
	return link{max(0, (small.Least-perByte*float64(small.Bytes))/2), 1 / perByte} // two collectives, one message each
}

// middle is the median of the runs' medians, and the least of all.
func middle(s []sample) sample {
	m := s[0]
	m.Step = median(s, func(s sample) float64 { return s.Step })
	m.Sum = median(s, func(s sample) float64 { return s.Sum })
	m.CPU = median(s, func(s sample) float64 { return s.CPU })
	for _, x := range s {
		m.Least = min(m.Least, x.Least)
	}
	return m
}

func report(results map[string][2][]sample) {
	mid := map[string][2]sample{}
	fmt.Println("| network | parameters | step, 1 rank | step, 2 ranks | computing, 1 rank | computing, 2 ranks | bytes sent | sum, median | sum, least | least sum / computing |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, key := range order {
		one, two := middle(results[key][0]), middle(results[key][1])
		mid[key] = [2]sample{one, two}
		fmt.Printf("| %s | %d | %s | %s | %s | %s | %d | %s | %s | %.2f %% |\n", networks[key].name, one.Params, ms(one.Step), ms(two.Step), ms(one.CPU), ms(two.CPU),
			two.Bytes, ms(two.Sum), ms(two.Least), 100*two.Least/two.CPU)
	}
	here := fit(mid["fdht-sum"][1], mid["dense"][1])
	two := mid["fdht"][1]
	fmt.Printf("\nThe link of these two ranks, from the least sums of the smallest and the largest gradients: %.0f us a message, %.2f GB/s. For %s, which is not in the fit, it says %s; measured %s.\n",
		1e6*here.latency, here.bytes/1e9, networks["fdht"].name, ms(2*here.latency+float64(two.Bytes)/here.bytes), ms(two.Least))
	const ranks = 64
	fmt.Printf("\n| network | ranks | clips a step | bytes sent | exchange on 10 Gb/s | computing | speed-up |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, key := range order {
		n := networks[key]
		// a rank has as many clips as one of the two had, so as many vectors, and bytes grow with (P-1)/P alone
		bytes := float64(mid[key][1].Bytes) * 2 * (ranks - 1) / ranks
		compute := mid[key][1].CPU
		low, high := tenGigabit.best(ranks, bytes), tenGigabit.cost(ranks, bytes)
		fmt.Printf("| %s | %d | %d | %.0f | %s to %s | %s | %.1f to %.1f |\n", n.name, ranks, ranks*n.batch/2, bytes, ms(low), ms(high), ms(compute),
			ranks*compute/(compute+high), ranks*compute/(compute+low))
	}
	const full = 59_244_544 // the dense LSTM of 57,600 inputs
	bytes := 8.0 * full * (ranks - 1) / ranks
	fmt.Printf("| dense, 57,600 inputs | %d | | %.0f | %s to %s | | |\n", ranks, bytes, ms(tenGigabit.best(ranks, bytes)), ms(tenGigabit.cost(ranks, bytes)))
}

func ms(s float64) string { return fmt.Sprintf("%.3g ms", 1e3*s) }
