package train

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Group is processes that train one network together, each of which calls Run with the same Options. Methods but Rank, Size and
// Host wait for all ranks to call them, in the same order and with slices of the same sizes, and are called by one goroutine at a time. An error
// means that the group is lost.
type Group interface {
	Rank() int // of this process, from 0
	Size() int
	Host() string // the machine that this process is on

	// Gather puts what rank r has in mine into part r of all. Ranks may come to it long after one another, so it waits
	// without keeping a processor busy.
	Gather(all, mine []byte) error
	// Broadcast gives rank 0's v to all.
	Broadcast(v []float32) error
	// AllToAll sends part p of send, of Size equal parts, to rank p, and puts what rank p sent here into part p of recv.
	AllToAll(recv, send []float32) error
	// AllGather puts what rank r has in mine into part r of all.
	AllGather(all, mine []float32) error
}

// RankError is what went wrong on another rank.
type RankError struct {
	Rank int
	Host string
	Text string
	What string // what to do; may be empty
}

// Error says where and what.
func (e *RankError) Error() string { return fmt.Sprintf("rank %d on %s: %s", e.Rank, e.Host, e.Text) }

// Hint says what to do.
func (e *RankError) Hint() string { return e.What }

// Agree is for work that every rank of g does by itself; err is what came of it here. It returns nil on all ranks or an error on
// all, that of the lowest rank that failed: there err itself, elsewhere a *RankError. Without a group it is err.
func Agree(g Group, err error) error {
	if g == nil || g.Size() == 1 {
		return err
	}
	return newTeam(g).meet(err)
}

// errStopped is what ends an epoch on all ranks when the context of one has ended.
var errStopped = errors.New("a rank was stopped")

// How a rank fares, the worst last.
const (
	flagFine byte = iota
	flagStopped
	flagFailed
)

// team is a group at work on a run. The nil team is a process by itself.
type team struct {
	Group
	mine, all []byte // a flag, then what there is to say with it; of all ranks

	unit   int   // clips of a shard, of which a rank takes whole ones
	counts []int // of each rank: the vectors that it adds to a sum

	send, recv, sum []float32
}

// newTeam is nil for a process by itself.
func newTeam(g Group) *team {
	if g == nil || g.Size() == 1 {
		return nil
	}
	t := &team{Group: g, counts: make([]int, g.Size())}
	t.room(0)
	return t
}

// room makes the block of n bytes more than the flag. All ranks do that at the same point.
func (t *team) room(n int) {
	t.mine = make([]byte, 1+n)
	t.all = make([]byte, (1+n)*t.Size())
}

// leads reports whether this process writes and reports.
func (t *team) leads() bool { return t == nil || t.Rank() == 0 }

// said is what rank r put into its block after the flag.
func (t *team) said(r int) []byte { return t.all[r*len(t.mine):][1:len(t.mine)] }

// meet is where ranks learn how the others fare. All that can end a run goes through it, so that it ends on all ranks at once. Without
// a team it returns err.
func (t *team) meet(err error) error {
	if t == nil {
		return err
	}
	t.mine[0] = flagFine
	switch {
	case errors.Is(err, errStopped):
		t.mine[0] = flagStopped
	case err != nil:
		t.mine[0] = flagFailed
	}
	if lost := t.Gather(t.all, t.mine); lost != nil {
		return errors.Join(err, lost)
	}
	worst := flagFine
	for r := range t.Size() {
		worst = max(worst, t.all[r*len(t.mine)])
	}
	switch worst {
	case flagFine:
		return nil
	case flagStopped:
		return errStopped
	}
	return t.blame(err)
}

// blame finds the lowest rank that failed.
func (t *team) blame(err error) error {
	var text []byte
	if t.mine[0] == flagFailed {
		e := RankError{Rank: t.Rank(), Host: t.Host(), Text: err.Error()}
		var h interface{ Hint() string }
		if errors.As(err, &h) {
			e.What = h.Hint()
		}
		text = e.encode()
	}
	told, lost := t.tell(text)
	if lost != nil {
		return errors.Join(err, lost)
	}
	for r, text := range told {
		if len(text) == 0 {
			continue
		}
		if r == t.Rank() {
			return err
		}
		e := &RankError{}
		if bad := json.Unmarshal(text, e); bad != nil {
			return fmt.Errorf("rank %d failed: %w", r, bad)
		}
		return e
	}
	return errors.New("a rank failed and does not say why")
}

// tellBytes is room for the text of an error, or for where a run stands.
const tellBytes = 8 << 10

// encode shortens a text for which there is no room.
func (e RankError) encode() []byte {
	for {
		b, err := json.Marshal(e)
		if err != nil {
			panic(err) // strings and a number
		}
		if len(b) <= tellBytes-4 {
			return b
		}
		e.Text, e.What = e.Text[:min(len(e.Text), tellBytes/8)]+"...", ""
	}
}

// tell gives a text of each rank, which may be empty, to all.
func (t *team) tell(text []byte) ([][]byte, error) {
	if len(text) > tellBytes-4 {
		return nil, fmt.Errorf("a text of %d bytes between ranks: there is room for %d", len(text), tellBytes-4)
	}
	mine, all := make([]byte, tellBytes), make([]byte, tellBytes*t.Size())
	binary.LittleEndian.PutUint32(mine, uint32(len(text)))
	copy(mine[4:], text)
	if err := t.Gather(all, mine); err != nil {
		return nil, err
	}
	told := make([][]byte, t.Size())
	for r := range told {
		b := all[r*tellBytes:][:tellBytes]
		told[r] = b[4:][:min(binary.LittleEndian.Uint32(b), tellBytes-4)]
	}
	return told, nil
}
