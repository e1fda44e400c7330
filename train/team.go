package train

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/rnn"
)

// prepare is called once the network and the size of a batch are known.
func (t *team) prepare(unit, batch int) {
	if t == nil {
		return
	}
	t.unit = max(unit, 1)
	t.room(max(t.most(batch)*clipBytes, crc32.Size))
}

// clipBytes is what a rank says of a clip: its loss, and whether it was recognised.
const clipBytes = 9

// share is the run lo..hi-1 of a batch's n clips that this process takes: whole shards, so that they are those of one process.
func (t *team) share(n int) (lo, hi int) {
	if t == nil {
		return 0, n
	}
	return t.shareOf(t.Rank(), n)
}

func (t *team) shareOf(r, n int) (lo, hi int) {
	lo, hi = t.shardsOf(r, n)
	return min(lo*t.unit, n), min(hi*t.unit, n)
}

func (t *team) shardsOf(r, n int) (lo, hi int) {
	shards := (n + t.unit - 1) / t.unit
	return shards * r / t.Size(), shards * (r + 1) / t.Size()
}

// most bounds the clips of a rank's share of a batch of n, or of fewer.
func (t *team) most(n int) int {
	shards := (n + t.unit - 1) / t.unit
	return (shards + t.Size() - 1) / t.Size() * t.unit
}

// idle is the number of ranks without a clip in a batch of n.
func (t *team) idle(n int) int {
	idle := 0
	for r := range t.Size() {
		if lo, hi := t.shareOf(r, n); lo == hi {
			idle++
		}
	}
	return idle
}

// fail is for an error before a meeting that the other ranks go to from elsewhere.
func (t *team) fail(ctx context.Context, err error) error {
	if t == nil {
		return err
	}
	if stopCause(ctx, err) != nil {
		err = errStopped
	}
	return t.meet(err)
}

// results is the meeting after the backward pass: own are the losses of this rank's clips of a batch of n, hit says which of the batch were
// recognised and is filled in for those of the others. It returns the sum of all losses in the order of the clips.
func (t *team) results(own []float64, hit []bool) (sum float64, err error) {
	n := len(hit)
	lo, _ := t.share(n)
	say := t.mine[1:]
	for i, l := range own {
		binary.LittleEndian.PutUint64(say[i*clipBytes:], math.Float64bits(l))
		say[i*clipBytes+8] = 0
		if hit[lo+i] {
			say[i*clipBytes+8] = 1
		}
	}
	if err := t.meet(nil); err != nil {
		return 0, err
	}
	for r := range t.Size() {
		lo, hi := t.shareOf(r, n)
		said := t.said(r)
		for i := lo; i < hi; i++ {
			b := said[(i-lo)*clipBytes:]
			sum += math.Float64frombits(binary.LittleEndian.Uint64(b))
			hit[i] = b[8] == 1
		}
	}
	return sum, nil
}

// gather fills in the rows [n, width] of the other ranks' clips.
func (t *team) gather(rows []float32, width int) error {
	if t == nil {
		return nil
	}
	if err := t.meet(nil); err != nil {
		return err
	}
	n := len(rows) / width
	most := t.most(n)
	t.send, t.recv = grow(t.send, most*width), grow(t.recv, most*width*t.Size())
	lo, hi := t.share(n)
	copy(t.send, rows[lo*width:hi*width])
	if err := t.AllGather(t.recv, t.send); err != nil {
		return err
	}
	for r := range t.Size() {
		lo, hi := t.shareOf(r, n)
		copy(rows[lo*width:hi*width], t.recv[r*most*width:])
	}
	return nil
}

// start brings all ranks to where the run begins.
func (t *trainer) start() error {
	if err := t.team.same(t.settings, fmt.Sprint(t.o.SumRanks), t.o.Model.Config); err != nil {
		return err
	}
	var err error
	if t.team.leads() {
		err = t.begin()
	}
	if err = t.team.meet(err); err != nil {
		return err
	}
	if t.team != nil {
		if idle := t.team.idle(t.train.size); idle > 0 {
			t.progress.Note(fmt.Sprintf("%d of %d ranks have nothing to do: a batch of %d clips is divided by %d", idle, t.team.Size(), t.train.size, t.team.unit))
		}
	}
	return t.team.begin(t)
}

// same is an error on all ranks if one has been given another run than rank 0.
func (t *team) same(settings record, more string, c model.Config) error {
	if t == nil {
		return nil
	}
	data := fmt.Sprint(settings.Data, settings.TrainClips, settings.ValClips)
	settings.Data, settings.TrainClips, settings.ValClips = "", 0, 0
	text, err := settings.text()
	if err != nil {
		return err
	}
	config, err := model.SettingsSum(c, nil)
	if err != nil {
		return err
	}
	var sums []byte
	for _, s := range []string{string(text) + more, data, config} {
		h := sha256.Sum256([]byte(s))
		sums = append(sums, h[:]...)
	}
	told, err := t.tell([]byte(hex.EncodeToString(sums) + t.Host()))
	if err != nil {
		return err
	}
	const digits = 2 * sha256.Size
	for r, theirs := range told {
		for i, what := range []string{"other settings", "other clips, divided or sampled in another way,", "another model (structure, classes, frame or standardisation)"} {
			if got, want := theirs[i*digits:][:digits], told[0][i*digits:][:digits]; string(got) != string(want) {
				return fmt.Errorf("rank %d on %s was given %s than rank 0 on %s: all ranks need the same program, settings and data", r, theirs[3*digits:], what, told[0][3*digits:])
			}
		}
	}
	return nil
}

// begin gives rank 0's state to all.
func (t *team) begin(tr *trainer) error {
	if t == nil {
		return nil
	}
	var at []byte
	if t.leads() {
		var err error
		if at, err = json.Marshal(tr.at); err != nil {
			return err
		}
	}
	told, err := t.tell(at)
	if err != nil {
		return err
	}
	if !t.leads() {
		tr.at = model.Progress{}
		if err := json.Unmarshal(told[0], &tr.at); err != nil {
			return fmt.Errorf("where the run stands, as rank 0 says: %w", err)
		}
		tr.adam.step = tr.at.Step
	}
	weights := make([][]float32, len(tr.params))
	for i, p := range tr.params {
		weights[i] = p.Data
	}
	for _, g := range tr.groups(weights) {
		for _, v := range g.Values {
			if err := t.Broadcast(v); err != nil {
				return err
			}
		}
	}
	tr.run.Refresh()
	return nil
}

// end is the meeting at the end of an epoch, where the ranks hold their weights to each other: err is what came of it here.
func (t *team) end(tr *trainer, err error) error {
	if t == nil {
		return err
	}
	binary.LittleEndian.PutUint32(t.mine[1:], checksum(tr.params))
	if err := t.meet(err); err != nil {
		return err
	}
	for r := range t.Size() {
		if string(t.said(r)[:4]) != string(t.said(0)[:4]) {
			return fmt.Errorf("after epoch %d rank %d has other weights than rank 0: its memory or its processor makes errors, or is of another kind", tr.at.Epoch, r)
		}
	}
	return nil
}

// checksum is that of all weights.
func checksum(params []rnn.Param) uint32 {
	sum := uint32(0)
	var b []byte
	for _, p := range params {
		for piece := range slices.Chunk(p.Data, 1024) {
			b = b[:0]
			for _, w := range piece {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(w))
			}
			sum = crc32.Update(sum, castagnoli, b)
		}
	}
	return sum
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
