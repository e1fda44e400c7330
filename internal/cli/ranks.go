package cli

import (
	"fmt"
	"runtime"

	"github.com/fdht/fdht/internal/mpi"
	"github.com/fdht/fdht/train"
)

// ranks is the processes that mpirun started, of which this is one. The nil ranks are a process by itself.
type ranks struct{ mpi.World }

// joinRanks finds the others. Ranks but the first say nothing from here on.
func joinRanks(u *ui) (*ranks, error) {
	n, variable := mpi.Launched()
	if n == 1 {
		return nil, nil
	}
	if mpi.Library() == "" {
		return nil, usage("build it with CGO_ENABLED=1 go build -tags mpi ./cmd/fdht (docs/guide-cluster.md); for separate runs side by side, each with an --out of its own, unset "+variable,
			"%s=%d: this is one of %d processes, and this program was built without MPI: each would train by itself", variable, n, n)
	}
	w, err := mpi.Start()
	if err != nil {
		return nil, err
	}
	if w.Size() != n {
		return nil, usage("start it by the mpirun of the MPI library that it was built with; on Slurm by srun --mpi=pmix (srun --mpi=list says what there is)",
			"%s=%d, but %s knows of %d: the launcher and the library do not go together", variable, n, mpi.Library(), w.Size())
	}
	g := &ranks{w}
	if !g.lead() {
		u.quiet, u.verbose, u.terminal = true, false, false
	}
	u.note("%d ranks on %s", w.Size(), machines(w.Hosts()))
	// Ranks that are bound to some processors of a machine see only these. Others share them all.
	if local := w.Local(); local > 1 && !w.Bound() {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/local))
	}
	return g, nil
}

func machines(n int) string {
	if n == 1 {
		return "one machine"
	}
	return fmt.Sprintf("%d machines", n)
}

// lead reports whether this process is the one that writes and prints.
func (g *ranks) lead() bool { return g == nil || g.Rank() == 0 }

// group is what train takes.
func (g *ranks) group() train.Group {
	if g == nil {
		return nil
	}
	return g.World
}

// agree makes one rank's error that of all.
func (g *ranks) agree(err error) error { return train.Agree(g.group(), err) }

// inTurn calls f on rank 0, then on the first rank of each other machine, then on the rest: what f puts into a cache is made once on each
// machine, and once where machines share it. An error of one rank is that of all.
func (g *ranks) inTurn(f func() error) error {
	if g == nil {
		return f()
	}
	for turn := range 3 {
		var err error
		if g.Turn() == turn {
			err = f()
		}
		if err := g.agree(err); err != nil {
			return err
		}
	}
	return nil
}

// leave ends MPI. The error, on which all ranks have agreed, is printed by the first.
func (g *ranks) leave(err error) error {
	if g == nil {
		return err
	}
	g.Stop()
	if err != nil && !g.lead() {
		return errReported
	}
	return err
}
