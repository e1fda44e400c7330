package plan

import (
	"math"
	"slices"
)

// maxFactorings bounds the factorings looked at for one number of modes.
const maxFactorings = 4096

// factorings lists the ways to write n as a product of parts factors of at least least, each in rising order. Those
// whose smallest factor is largest, which are the more balanced ones, come first.
func factorings(n, parts, least int) [][]int {
	divisors := divisorsOf(n)
	var out [][]int
	var walk func(head []int, n, parts int)
	walk = func(head []int, n, parts int) {
		low := least
		if len(head) > 0 {
			low = head[len(head)-1]
		}
		if parts == 1 {
			if n >= low {
				out = append(out, append(slices.Clone(head), n))
			}
			return
		}
		for _, f := range slices.Backward(divisors) {
			if f < low || len(out) >= maxFactorings {
				break
			}
			if n%f == 0 && math.Pow(float64(f), float64(parts)) <= float64(n)*(1+1e-9) {
				walk(append(head, f), n/f, parts-1)
			}
		}
	}
	walk(nil, n, parts)
	return out
}

// divisorsOf lists the divisors of n in rising order.
func divisorsOf(n int) []int {
	var low, high []int
	for f := 1; f*f <= n; f++ {
		if n%f == 0 {
			low = append(low, f)
			if f*f != n {
				high = append(high, n/f)
			}
		}
	}
	slices.Reverse(high)
	return append(low, high...)
}

// primeFactors is how many primes n is the product of.
func primeFactors(n int) int {
	count := 0
	for f := 2; f*f <= n; f++ {
		for ; n%f == 0; n /= f {
			count++
		}
	}
	if n > 1 {
		count++
	}
	return count
}

// paddings lists near-balanced products of parts factors of at least least that are at least n, each in rising order: all
// factors but the largest lie around the root of n, and the largest is the smallest that reaches n.
func paddings(n, parts, least int) [][]int {
	if parts == 1 {
		return [][]int{{n}}
	}
	root := math.Pow(float64(n), 1/float64(parts))
	lo, hi := max(least, int(root/3)), max(least, int(math.Ceil(root*1.2)))
	stride := 1 + (hi-lo)/choices(parts)
	var out [][]int
	var walk func(head []int, product int)
	walk = func(head []int, product int) {
		if len(head) == parts-1 {
			last := max((n+product-1)/product, least)
			if last >= head[len(head)-1] && last <= math.MaxInt32/product {
				out = append(out, append(slices.Clone(head), last))
			}
			return
		}
		from := lo
		if len(head) > 0 {
			from = head[len(head)-1]
		}
		for f := from; f <= hi && f <= math.MaxInt32/product; f += stride {
			walk(append(head, f), product*f)
		}
	}
	walk(nil, 1)
	return out
}

// choices is how many sizes one mode of paddings may take: their combinations stay below 50,000.
func choices(parts int) int {
	switch parts {
	case 2:
		return 2000
	case 3:
		return 200
	case 4:
		return 60
	case 5:
		return 24
	case 6:
		return 18
	}
	return 12
}

// arrangements yields every different order of v, the rising one first. The slice is reused.
func arrangements(v []int) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		v := slices.Clone(v)
		slices.Sort(v)
		for yield(v) {
			i := len(v) - 2
			for i >= 0 && v[i] >= v[i+1] {
				i--
			}
			if i < 0 {
				return
			}
			j := len(v) - 1
			for v[j] <= v[i] {
				j--
			}
			v[i], v[j] = v[j], v[i]
			slices.Reverse(v[i+1:])
		}
	}
}
