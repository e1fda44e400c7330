#!/usr/bin/env bash
# Makes clips, trains small networks on them, over one lag and over two, and runs them on the emulated board: the logits must be those of the Go engine, bit for bit.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache
go build -o "$work/fdht" ../../cmd/fdht
cd "$work"
./fdht data made clips --train 16 --val 0 --test 8 --frame 120x160x1 -q
clip=$(find clips -name '*.y4m' | sort | head -1)
for shape in "one --lag 3 --frame 120x160 --modes-in 9,15,10,16" "two --lag 3,8 --frame 60x80 --modes-in 11,8,8,14"; do
	read -r name flags <<<"$shape"
	./fdht train --data clips --split-list clips/split.txt --input diff $flags --steps 12 --hidden 256 --kind ht \
		--modes-out 16,4,4,4 --rank 8 --pooling mean --epochs 2 --val 0 --out "$name" -q
	./fdht quantize --model "$name" --split none --calibration 4 --out "$name.safetensors" -q
	make -s -C "$OLDPWD" BUILD="$work/build-$name" MODEL="$work/$name.safetensors" CLIP="$work/$clip" FDHT="$work/fdht" check
done
