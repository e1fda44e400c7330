# What there is to do, each by one word. Go is all it takes, but for lint.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all build test race lint bench cover fuzz soak demo bench-peers vuln release clean

all: build lint test

build:
	go build -o fdht ./cmd/fdht

test:
	go test ./...

race:
	go test -race ./...

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go vet -tags noasm ./...
	go run $(STATICCHECK) ./...

bench:
	go test -run '^$$' -bench . -benchmem ./...

# beside PyTorch and ONNX Runtime, to docs/results/speed.md; wants a Python with torch on OpenBLAS, node and npm, a quiet machine
PYTHON = /usr/bin/python3
bench-peers: build
	$(PYTHON) bench/peers/run.py --fdht ./fdht --out docs/results/speed.md

cover:
	go test -coverprofile=cover.prof ./...
	go tool cover -func=cover.prof | tail -1

# every fuzz target for FUZZTIME
FUZZTIME = 20s
fuzz:
	go run ./bench/fuzz -time $(FUZZTIME)

# the long forms of the tests: a training and an experiment killed KILLS times each, some minutes; ten minutes of each fuzz target but for
# those of the kernels, whose table goes to docs/results/robustness.md, 3.7 hours, less with SOAKJOBS; many clients at a server, four minutes
KILLS = 100
SOAKTIME = 10m
SOAKJOBS = 1
soak:
	go test ./cmd/fdht -run Killed -kills $(KILLS) -timeout 2h -v
	bench/serve/soak.sh
	go run ./bench/fuzz -time $(SOAKTIME) -jobs $(SOAKJOBS) -skip '^internal/kernel' -out docs/results/robustness.md

demo:
	go run ./cmd/fdht demo

# known vulnerabilities of what the program uses, of the release's Go as well
vuln:
	release/govulncheck

# archives for four systems, their bills of materials and checksums, to dist; VERSION=v1.2.3 where no tag says it
release:
	release/build

clean:
	rm -rf fdht cover.prof runs/demo dist
