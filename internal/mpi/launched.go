// Package mpi is the group of processes that mpirun, or srun, started together: a train.Group over MPI. It needs cgo and an MPI library, and is built
// with the tag mpi only:
//
//	apt install openmpi-bin libopenmpi-dev
//	CGO_ENABLED=1 go build -tags mpi ./cmd/fdht
package mpi

import (
	"os"
	"strconv"

	"github.com/fdht/fdht/train"
)

// World is all processes that were started together.
type World interface {
	train.Group
	Local() int  // ranks on this machine
	Hosts() int  // machines
	Turn() int   // 0 on rank 0, 1 on the first rank of each other machine, 2 on all others
	Bound() bool // whether the launcher bound this process to some of its machine's processors
	Stop()       // ends MPI; all ranks call it
}

// Launched says how many processes the launcher started that this one is of, and by which variable of the environment that is known; 1 for a process
// by itself.
func Launched() (ranks int, variable string) {
	// SLURM_NTASKS is left out: it is there for everything in an allocation, the script itself too. A step has this one.
	for _, v := range []string{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"} {
		if n, err := strconv.Atoi(os.Getenv(v)); err == nil && n > 1 {
			return n, v
		}
	}
	return 1, ""
}
