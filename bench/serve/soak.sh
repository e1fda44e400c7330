#!/usr/bin/env bash
# Many clients at a server: ten thousand sockets that are dropped, then three minutes of streams, after which memory and goroutines are what they were. It needs the
# demo's model, which it trains for an epoch if it is not there.
#
#   bench/serve/soak.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
go test ./serve -run DroppedSockets -long
[ -d runs/demo ] || go run ./cmd/fdht demo --epochs 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/fdht" ./cmd/fdht
"$work/fdht" serve --model runs/demo --addr 127.0.0.1:18080 &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
until curl -fs http://127.0.0.1:18080/readyz >/dev/null; do sleep 0.2; done
go run ./bench/serve --server http://127.0.0.1:18080 --streams 100 --for 3m --soak
kill "$server"
wait "$server"
