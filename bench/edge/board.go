package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// boardClip writes clip i as the board reads it.
func (c *clips) boardClip(i int, path string) error {
	out := binary.LittleEndian.AppendUint32(nil, uint32(c.steps))
	line := c.in.Width * c.in.SourceChannels()
	for _, step := range c.frames[i] {
		for at := 0; at < len(step[0]); at += line {
			for _, frame := range step {
				out = append(out, frame[at:at+line]...)
			}
		}
	}
	return os.WriteFile(path, out, 0o666)
}

// boardSays reads what the board printed: a line for each logit that begins with its bits, and how long a frame took.
func boardSays(path string, classes int) (logits []float32, ticks float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text := lines.Text()
		if after, ok := strings.CutPrefix(text, "# clock ticks a frame: "); ok {
			if ticks, err = strconv.ParseFloat(after, 64); err != nil {
				return nil, 0, err
			}
		} else if bits, err := strconv.ParseUint(text[:min(8, len(text))], 16, 32); err == nil && len(logits) < classes {
			logits = append(logits, math.Float32frombits(uint32(bits)))
		}
	}
	if len(logits) != classes || ticks == 0 {
		return nil, 0, fmt.Errorf("%s has %d logits, want %d", path, len(logits), classes)
	}
	return logits, ticks, nil
}
