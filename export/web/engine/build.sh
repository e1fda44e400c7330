#!/bin/sh
# Builds engine.wasm and engine-simd.wasm into the folder named, or beside this file. The committed ones are those of Debian 12's clang and lld 14.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
for kind in engine engine-simd; do
	flags=-mno-simd128
	[ "$kind" = engine-simd ] && flags=-msimd128
	clang --target=wasm32 $flags -std=c11 -Os -ffreestanding -fno-builtin -nostdlib -Wall -Wextra -Werror \
		-Wl,--no-entry -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=16384 \
		-o "$out/$kind.wasm" machine.c multiply.c cells.c frames.c
	chmod 644 "$out/$kind.wasm"
done
