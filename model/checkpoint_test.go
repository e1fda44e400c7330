package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fdht/fdht/internal/testutil"
	"github.com/fdht/fdht/rnn"
)

// saved writes a checkpoint of that epoch and returns what was written.
func saved(t testing.TB, dir string, epoch int) (*Checkpoint, []rnn.Param, []Group) {
	t.Helper()
	f := newModel(t, exampleConfig(t), uint64(epoch))
	params := f.Net.Params()
	groups := []Group{{Name: "weights"}, {Name: "best"}}
	for i := range groups {
		for k, p := range params {
			v := make([]float32, len(p.Data))
			for j := range v {
				v[j] = float32(i+1) * (p.Data[j] + float32(k))
			}
			groups[i].Values = append(groups[i].Values, v)
		}
	}
	c := &Checkpoint{
		Config: f.Config, Settings: json.RawMessage(`{"lr":0.1,"text":"\"fdht.sha256\":\"x\""}`),
		Progress: Progress{
			Epoch: epoch, Step: 7 * epoch, Seed: math.MaxUint64 - 1, LR: 0.1 + 0.2, Stale: 2, Stopped: true, MetricsBytes: 1 << 40,
			Best: &Best{Epoch: 1, Loss: math.Nextafter(1, 2), Accuracy: 1.0 / 3},
		},
	}
	if err := SaveCheckpoint(dir, c, params, groups); err != nil {
		t.Fatal(err)
	}
	return c, params, groups
}

func TestCheckpointRoundTrip(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, 1)
	want, params, groups := saved(t, dir, 2)
	c, err := LoadCheckpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Damaged != nil || c.Path != filepath.Join(dir, CheckpointFile) {
		t.Errorf("read from %s, damaged: %v", c.Path, c.Damaged)
	}
	if len(c.Progress.SettingsSum) != 64 {
		t.Errorf("sum %q", c.Progress.SettingsSum)
	}
	c.Progress.SettingsSum = ""
	if !reflect.DeepEqual(c.Progress, want.Progress) || !bytes.Equal(c.Settings, want.Settings) {
		t.Errorf("got %+v %s, want %+v %s", c.Progress, c.Settings, want.Progress, want.Settings)
	}
	for _, g := range groups {
		got := Group{Name: g.Name}
		for _, p := range params {
			got.Values = append(got.Values, make([]float32, len(p.Data)))
		}
		if err := c.Restore(params, got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, g) {
			t.Errorf("group %s changed", g.Name)
		}
	}
	if err := c.Restore(params, Group{Name: "average", Values: groups[0].Values}); err == nil || !strings.Contains(err.Error(), "tensor average.cell.0.leaf.0 of shape [2,3,3] is missing") {
		t.Errorf("a group that is not there: %v", err)
	}
	if old, err := readCheckpoint(filepath.Join(dir, PreviousFile)); err != nil || old.Progress.Epoch != 1 {
		t.Errorf("previous checkpoint: %v", err)
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, 1)
	buf := read(t, filepath.Join(dir, CheckpointFile))
	if _, err := decodeCheckpoint(buf); err != nil {
		t.Fatal(err)
	}
	for i := range buf {
		for _, bit := range []byte{1, 0x20} {
			buf[i] ^= bit
			if _, err := decodeCheckpoint(buf); err == nil {
				t.Errorf("byte %d of %d flipped by %#x is not found", i, len(buf), bit)
			}
			buf[i] ^= bit
		}
	}
	for n := range len(buf) {
		if _, err := decodeCheckpoint(buf[:n:n]); err == nil {
			t.Errorf("a checkpoint cut to %d bytes of %d is not found", n, len(buf))
		}
	}
}

func TestDamagedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	newest, previous := filepath.Join(dir, CheckpointFile), filepath.Join(dir, PreviousFile)
	if _, err := LoadCheckpoint(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	saved(t, dir, 1)
	whole := read(t, newest)
	if err := os.Truncate(newest, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCheckpoint(dir); err == nil || !strings.HasPrefix(err.Error(), newest+": file is cut short: it has 100 bytes") || !strings.HasSuffix(err.Error(), ", and there is no checkpoint.previous.safetensors to go back to") {
		t.Errorf("damaged, none before it: %v", err)
	}
	if err := os.WriteFile(newest, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	saved(t, dir, 2)
	flipped := read(t, newest)
	flipped[len(flipped)-1] ^= 1
	if err := os.WriteFile(newest, flipped, 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCheckpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := newest + ": checkpoint is damaged: its checksum does not fit its bytes"; c.Path != previous || c.Progress.Epoch != 1 || c.Damaged == nil || c.Damaged.Error() != want {
		t.Errorf("read %s of epoch %d, damaged: %v", c.Path, c.Progress.Epoch, c.Damaged)
	}
	if err := os.Truncate(previous, 9); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCheckpoint(dir); err == nil || !strings.Contains(err.Error(), newest+": checkpoint is damaged") || !strings.Contains(err.Error(), previous+": file is cut short") {
		t.Errorf("both damaged: %v", err)
	}
	if err := newModel(t, exampleConfig(t), 1).Save(newest); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCheckpoint(dir); err == nil || !strings.Contains(err.Error(), newest+": not a checkpoint: its metadata has no fdht.checkpoint") {
		t.Errorf("a model in its place: %v", err)
	}
}

// FuzzCheckpoint: no file panics or takes much more memory than it has bytes, not even one with a checksum that fits; one that is taken fills the network that it is
// of, or an error says why not.
func FuzzCheckpoint(f *testing.F) {
	dir := f.TempDir()
	saved(f, dir, 1)
	whole := read(f, filepath.Join(dir, CheckpointFile))
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(bytes.Replace(whole, []byte(`\"epoch\":1,\"step\":7`), []byte(`\"epoch\":-1,\"step\":`), 1))
	f.Add(bytes.Replace(whole, []byte(`best.cell.0.leaf.0`), []byte(`best.cell.0.leaf.9`), 1))
	f.Fuzz(func(t *testing.T, buf []byte) {
		buf = bytes.Clone(buf)
		sign(buf)
		var c *Checkpoint
		var err error
		testutil.Bounded(t, 500*len(buf)+1<<20, func() { c, err = decodeCheckpoint(buf) })
		if err != nil {
			return
		}
		net := newModel(t, exampleConfig(t), 1).Net
		g := Group{Name: "best"}
		for _, p := range net.Params() {
			g.Values = append(g.Values, make([]float32, len(p.Data)))
		}
		if c.Has(g.Name) {
			_ = c.Restore(net.Params(), g)
		}
	})
}

// sign puts the checksum in its place that the bytes have.
func sign(buf []byte) {
	at := bytes.Index(buf, sumKey()) + len(sumKey())
	if at < len(sumKey()) || at+len(noSum) > len(buf) {
		return
	}
	copy(buf[at:], noSum)
	sum := sha256.Sum256(buf)
	copy(buf[at:], hex.EncodeToString(sum[:]))
}
