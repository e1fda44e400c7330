//go:build !mpi

package mpi

import "errors"

// Library names the MPI library; empty: this program was built without one.
func Library() string { return "" }

// World is all processes that were started together.
type World struct{}

// Start is an error in a program without MPI.
func Start() (*World, error) {
	return nil, errors.New("this program was built without MPI")
}

// Stop ends MPI. All ranks call it.
func (*World) Stop() {}

// Turn is 0 on rank 0, 1 on the first rank of each other machine, 2 on all others.
func (*World) Turn() int { return 0 }

// Local is the number of ranks on this machine, Hosts that of machines.
func (*World) Local() int { return 1 }
func (*World) Hosts() int { return 1 }

// Bound reports whether the launcher bound this process to some of its machine's processors.
func (*World) Bound() bool { return false }

func (*World) Rank() int                           { return 0 }
func (*World) Size() int                           { return 1 }
func (*World) Host() string                        { return "" }
func (*World) Gather(all, mine []byte) error       { return nil }
func (*World) Broadcast(v []float32) error         { return nil }
func (*World) AllToAll(recv, send []float32) error { return nil }
func (*World) AllGather(all, mine []float32) error { return nil }
