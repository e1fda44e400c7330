package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fdht/fdht/export/c"
	"github.com/fdht/fdht/quant"
)

//go:embed programs/host.c
var host []byte

// inC is exported C, compiled with gcc -O2.
func (m *made) inC(numbers, file string) (result, error) {
	b, err := build(m, numbers, file)
	if err != nil {
		return result{}, err
	}
	files, err := b.Files("fdht")
	if err != nil {
		return result{}, err
	}
	dir := filepath.Join(m.dir, "c-"+numbers)
	if err := c.Write(dir, append(files, c.File{Name: "host.c", Data: host})); err != nil {
		return result{}, err
	}
	exe := filepath.Join(dir, "host")
	cmd := exec.Command("gcc", "-std=c99", "-O2", "-o", exe, "fdht.c", "host.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("gcc: %w\n%s", err, out)
	}
	r, err := m.program(exe, m.clipFile())
	r.bytes, r.memory = b.Bytes(), fmt.Sprint(b.Workspace())
	if err == nil {
		r.note = m.beside(r.logits, numbers)
	}
	return r, err
}

func build(m *made, numbers, file string) (*c.Build, error) {
	if numbers == "float" {
		return c.FloatBuild(m.f, c.DefaultMemory)
	}
	q, err := quant.Load(file)
	if err != nil {
		return nil, err
	}
	return c.IntBuild(q)
}

// board is the emulated microcontroller of examples/cortex-m.
func (m *made) board(numbers, file string, count int) (result, error) {
	dir := filepath.Join(m.dir, "board-"+numbers)
	makefile := []string{"-s", "-C", "examples/cortex-m", "BUILD=" + dir, "MODEL=" + file}
	out, err := exec.Command("make", append(makefile, filepath.Join(dir, "image.elf"))...).CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("make: %w\n%s", err, out)
	}
	flash, ram := used(string(out), "FLASH:"), used(string(out), "RAM:")
	r := result{bytes: flash, memory: fmt.Sprint(ram)}
	C := len(m.f.Config.Classes)
	all := 0.0
	some := m.clips.some(count)
	for i := range some.labels {
		if err := some.boardClip(i, filepath.Join(dir, "clip.bin")); err != nil {
			return r, err
		}
		if err := os.WriteFile(filepath.Join(dir, "want.txt"), nil, 0o666); err != nil { // newer than what make would make it of
			return r, err
		}
		if out, err := exec.Command("make", append(makefile, "CLIP="+file, "run")...).CombinedOutput(); err != nil {
			return r, fmt.Errorf("make run: %w\n%s", err, out)
		}
		logits, ticks, err := boardSays(filepath.Join(dir, "got.txt"), C)
		if err != nil {
			return r, err
		}
		r.logits = append(r.logits, logits...)
		all += ticks
	}
	const perTick = 40 // instructions
	r.note = fmt.Sprintf("%s; %.1f M instructions a frame", m.beside(r.logits, numbers), perTick*all/float64(len(some.labels))/1e6)
	return r, nil
}

// used is a region's use that the linker printed: of whole KiB it says how many.
func used(text, region string) (bytes int) {
	_, after, _ := strings.Cut(text, region)
	var unit string
	_, _ = fmt.Sscan(after, &bytes, &unit)
	if unit == "KB" {
		bytes <<= 10
	}
	return bytes
}
