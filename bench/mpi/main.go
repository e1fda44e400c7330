//go:build mpi

// Command mpi measures training by several processes: the time and bytes of a step's sum of gradients, for the FDHT network and the dense one, with one and
// two ranks in turns; and what follows for many ranks on a network. It prints Markdown.
//
//	CGO_ENABLED=1 go build -tags mpi -o mpibench ./bench/mpi && ./mpibench
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

func main() {
	turns := flag.Int("turns", 5, "how often each pair of runs is taken")
	one := flag.String("worker", "", "be a rank that trains this network (mpirun starts it so)")
	mca := flag.String("btl", "", "transport of Open MPI between the two ranks, such as self,tcp; empty: its own choice, shared memory")
	epochs := flag.Int("epochs", 4, "a worker's epochs, of two steps each")
	flag.Parse()
	if err := run(*turns, *one, *mca, *epochs); err != nil {
		fmt.Fprintln(os.Stderr, "mpi:", err)
		os.Exit(1)
	}
}

func run(turns int, one, btl string, epochs int) error {
	if one != "" {
		n, ok := networks[one]
		if !ok {
			return fmt.Errorf("--worker %s: there is no such network", one)
		}
		return work(n, epochs)
	}
	results := map[string][2][]sample{}
	for range turns {
		for _, key := range order {
			got := results[key]
			for i := range got {
				e := 12
				if key == "dense" {
					e = 2
				}
				s, err := start(i+1, key, btl, e)
				if err != nil {
					return err
				}
				got[i] = append(got[i], s)
			}
			results[key] = got
		}
	}
	report(results)
	return nil
}

var order = []string{"fdht", "fdht-sum", "dense"}

// start has mpirun train a network with a number of ranks, one processor each.
func start(ranks int, key, btl string, epochs int) (s sample, err error) {
	exe, err := os.Executable()
	if err != nil {
		return s, err
	}
	args := []string{"--allow-run-as-root", "--oversubscribe", "--bind-to", "core", "-np", strconv.Itoa(ranks)}
	if btl != "" {
		args = append(args, "--mca", "pml", "ob1", "--mca", "btl", btl)
	}
	cmd := exec.Command("mpirun", append(args, exe, "--worker", key, "--epochs", strconv.Itoa(epochs))...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("mpirun of %d ranks, %s: %w", ranks, key, err)
	}
	return s, json.Unmarshal(out, &s)
}
