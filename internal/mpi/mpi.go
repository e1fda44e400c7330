//go:build mpi

package mpi

/*
#cgo pkg-config: ompi
#include <mpi.h>
#include <time.h>
#include <sched.h>
#include <unistd.h>

// gather waits without keeping a processor busy once it has taken longer than a step's ranks are apart: others may be reading clips
// or writing a checkpoint. MPI's own calls would spin.
static int gather(const void *mine, void *all, int n) {
	MPI_Request wait;
	int done = 0;
	int e = MPI_Iallgather(mine, n, MPI_BYTE, all, n, MPI_BYTE, MPI_COMM_WORLD, &wait);
	double begun = MPI_Wtime();
	while (e == MPI_SUCCESS) {
		e = MPI_Test(&wait, &done, MPI_STATUS_IGNORE);
		if (done) break;
		double waited = MPI_Wtime() - begun;
		if (waited < 0.0005) {
			sched_yield();
			continue;
		}
		struct timespec pause = {0, waited < 0.1 ? 50000 : 2000000};
		nanosleep(&pause, NULL);
	}
	return e;
}

// Constants that are macros for Go.
static int start(int *level) { return MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, level); }
static int enough(int level) { return level >= MPI_THREAD_SERIALIZED; }
static int world_rank(int *rank) { return MPI_Comm_rank(MPI_COMM_WORLD, rank); }
static int world_size(int *size) { return MPI_Comm_size(MPI_COMM_WORLD, size); }
static int broadcast(void *v, int n) { return MPI_Bcast(v, n, MPI_FLOAT, 0, MPI_COMM_WORLD); }
static int all_to_all(const void *send, void *recv, int n) { return MPI_Alltoall(send, n, MPI_FLOAT, recv, n, MPI_FLOAT, MPI_COMM_WORLD); }
static int all_gather(const void *mine, void *all, int n) { return MPI_Allgather(mine, n, MPI_FLOAT, all, n, MPI_FLOAT, MPI_COMM_WORLD); }
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"
)

// world is the World of MPI_COMM_WORLD.
type world struct {
	rank  int
	hosts []string // of each rank
}

// Start begins MPI, once a process. All ranks call it.
func Start() (World, error) {
	var level, rank, size C.int
	if err := check("MPI_Init_thread", C.start(&level)); err != nil {
		return nil, err
	}
	if C.enough(level) == 0 {
		return nil, errors.New("the MPI library cannot be called from several threads, one at a time (MPI_THREAD_SERIALIZED)")
	}
	if err := check("MPI_Comm_rank", C.world_rank(&rank)); err != nil {
		return nil, err
	}
	if err := check("MPI_Comm_size", C.world_size(&size)); err != nil {
		return nil, err
	}
	w := &world{rank: int(rank), hosts: make([]string, size)}
	if err := w.meet(); err != nil {
		return nil, err
	}
	return w, nil
}

// meet tells every rank where the others are.
func (w *world) meet() error {
	const most = 256
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	mine, all := make([]byte, most), make([]byte, most*len(w.hosts))
	copy(mine, host)
	if err := w.Gather(all, mine); err != nil {
		return err
	}
	for r := range w.hosts {
		name, _, _ := bytes.Cut(all[r*most:][:most], []byte{0})
		w.hosts[r] = string(name)
	}
	return nil
}

// Library names the MPI library; empty: this program was built without one.
func Library() string {
	var text [C.MPI_MAX_LIBRARY_VERSION_STRING]C.char
	var n C.int
	if C.MPI_Get_library_version(&text[0], &n) != C.MPI_SUCCESS {
		return "MPI"
	}
	name, _, _ := strings.Cut(C.GoStringN(&text[0], n), ",")
	return strings.TrimSpace(name)
}

func (w *world) Stop() { C.MPI_Finalize() }

func (w *world) Turn() int {
	switch {
	case w.rank == 0:
		return 0
	case slices.Index(w.hosts, w.Host()) == w.rank:
		return 1
	}
	return 2
}

func (w *world) Local() int {
	n := 0
	for _, h := range w.hosts {
		if h == w.Host() {
			n++
		}
	}
	return n
}

func (w *world) Hosts() int {
	return len(slices.Compact(slices.Sorted(slices.Values(w.hosts))))
}

func (w *world) Bound() bool { return runtime.NumCPU() < int(C.sysconf(C._SC_NPROCESSORS_ONLN)) }

func (w *world) Rank() int    { return w.rank }
func (w *world) Size() int    { return len(w.hosts) }
func (w *world) Host() string { return w.hosts[w.rank] }

func (w *world) Gather(all, mine []byte) error {
	return check("MPI_Iallgather", C.gather(unsafe.Pointer(unsafe.SliceData(mine)), unsafe.Pointer(unsafe.SliceData(all)), C.int(len(mine))))
}

func (w *world) Broadcast(v []float32) error {
	for piece := range slices.Chunk(v, 1<<28) { // MPI counts in ints
		if err := check("MPI_Bcast", C.broadcast(unsafe.Pointer(&piece[0]), C.int(len(piece)))); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) AllToAll(recv, send []float32) error {
	return check("MPI_Alltoall", C.all_to_all(unsafe.Pointer(unsafe.SliceData(send)), unsafe.Pointer(unsafe.SliceData(recv)), C.int(len(send)/w.Size())))
}

func (w *world) AllGather(all, mine []float32) error {
	return check("MPI_Allgather", C.all_gather(unsafe.Pointer(unsafe.SliceData(mine)), unsafe.Pointer(unsafe.SliceData(all)), C.int(len(mine))))
}

// check makes an error of what a call returned. As MPI is set up by default most errors end all ranks at once and do not come here.
func check(call string, code C.int) error {
	if code == C.MPI_SUCCESS {
		return nil
	}
	var text [C.MPI_MAX_ERROR_STRING]C.char
	var n C.int
	C.MPI_Error_string(code, &text[0], &n)
	return fmt.Errorf("%s: %s", call, C.GoStringN(&text[0], n))
}
