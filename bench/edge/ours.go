package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/dataset"
	"github.com/fdht/fdht/internal/frames"
)

// childArg makes this program one that runs a model file over the clips of a file, in a process of its own whose memory is its own.
const childArg = "child"

// said is what a program says of its run on standard error, as JSON; its logits, float32, are on standard output.
type said struct {
	MS     float64 `json:"ms"`     // a frame, the median
	Memory int     `json:"memory"` // bytes at most
}

// ours is fdht itself.
func (m *made) ours(numbers, file string) (result, error) {
	exe, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	r, err := m.program(exe, childArg, file, m.clipFile())
	if err != nil {
		return r, err
	}
	if r.bytes, err = sizeOf(file); err != nil {
		return r, err
	}
	m.want[numbers] = r.logits
	if r.note = "-"; numbers != "float" {
		r.note = "float's within " + fmt.Sprintf("%.1g", farthest(r.logits, m.want["float"]))
	}
	return r, nil
}

// program runs a program that prints logits and what it says.
func (m *made) program(name string, args ...string) (result, error) {
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if err := cmd.Run(); err != nil {
		return result{}, fmt.Errorf("%s: %w\n%s", name, err, errs.Bytes())
	}
	var s said
	if err := json.Unmarshal(errs.Bytes(), &s); err != nil {
		return result{}, fmt.Errorf("%s says %q: %w", name, errs.Bytes(), err)
	}
	r := result{ms: s.MS, memory: strconv.Itoa(s.Memory), logits: make([]float32, len(m.clips.labels)*len(m.f.Config.Classes))}
	if want := 4 * len(r.logits); out.Len() != want {
		return result{}, fmt.Errorf("%s printed %d bytes, want %d", name, out.Len(), want)
	}
	return r, binary.Read(&out, binary.LittleEndian, r.logits)
}

func farthest(a, b []float32) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

func sizeOf(path string) (int, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return int(st.Size()), nil
}

// child is the other process.
func child(path, file string) error {
	m, err := fdht.Load(path)
	if err != nil {
		return err
	}
	s, err := m.NewStream()
	if err != nil {
		return err
	}
	in, err := frames.Input(m.Config())
	if err != nil {
		return err
	}
	older := in.Lag.Len()
	for k := range older {
		in.Lag[k] = k + 1 // the frames that it is compared with come just before, the last first
	}
	live, err := dataset.NewLive(in)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	var head [3]int32
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return err
	}
	step, row := make([][]byte, 1+older), make([]float32, in.Size())
	for i := range step {
		step[i] = make([]byte, head[2])
	}
	var clock times
	for range head[0] {
		s.Reset()
		var p fdht.Prediction
		for range head[1] {
			for _, b := range step {
				if _, err := io.ReadFull(r, b); err != nil {
					return err
				}
			}
			live.Reset()
			for k := older; k > 0; k-- {
				if err := live.Load(row, step[k]); err != nil {
					return err
				}
			}
			start := time.Now()
			if err := live.Load(row, step[0]); err != nil {
				return err
			}
			if p, err = s.StepRow(row); err != nil {
				return err
			}
			clock = append(clock, time.Since(start).Seconds()*1e3)
		}
		if err := binary.Write(os.Stdout, binary.LittleEndian, p.Logits); err != nil {
			return err
		}
	}
	memory, err := peak()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stderr).Encode(said{clock.median(), memory})
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that this process has had, as Linux says it.
func peak() (int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	found := peakLine.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("/proc/self/status has no VmHWM")
	}
	kb, err := strconv.Atoi(string(found[1]))
	return kb << 10, err
}
