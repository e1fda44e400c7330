#!/usr/bin/env bash
# Makes clips, trains a small network on them, and runs it on the emulated board: the logits must be those of the Go engine, bit for bit.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
go build -o "$work/fdht" ../../cmd/fdht
cd "$work"
./fdht data made clips --train 16 --val 0 --test 8 --frame 120x160x1 -q
./fdht train --data clips --split-list clips/split.txt --input diff --frame 120x160x1 --steps 12 --hidden 256 --kind ht \
	--modes-in 9,15,10,16 --modes-out 16,4,4,4 --rank 8 --pooling mean --epochs 2 --val 0 --out run -q
./fdht quantize --model run --split none --calibration 4 --out small.safetensors -q
clip=$(find clips -name '*.y4m' | sort | head -1)
cd - >/dev/null
make -s BUILD="$work/build" MODEL="$work/small.safetensors" CLIP="$work/$clip" FDHT="$work/fdht" check
