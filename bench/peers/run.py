"""Measures fdht beside PyTorch and ONNX Runtime in one run and writes the ratios down: make bench-peers.

Each number comes from a process of its own. They take turns, ours before and after each of the others, and a ratio is taken
between neighbours in time, so that a machine that is faster or slower for a while moves both. What uses one thread is bound to one processor.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PASSES = {"frame": "1 frame, state carried", "clip24": "24 frames, 1 clip", "batch16x6": "16 clips x 6 frames", "train16x6": "training step on these"}
NETWORKS = {"ht-r4": "HT, ranks 4", "ht-r8": "HT, ranks 8", "dense": "dense"}
ORT = "onnxruntime-node@1.30.0"


def environment(threads):
    """Settings that are fair to PyTorch: no forced kernels, no page faults at each step, no spinning."""
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    env.update(
        OPENBLAS_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="PASSIVE", MALLOC_MMAP_THRESHOLD_="33554432",
        MALLOC_TRIM_THRESHOLD_="2000000000", MALLOC_TOP_PAD_="268435456",
    )
    return env


def busy():
    """Seconds of processor time that the whole machine has used, and that it has had, since it started."""
    with open("/proc/stat") as f:
        t = [int(n) / os.sysconf("SC_CLK_TCK") for n in f.readline().split()[1:9]]
    return sum(t) - t[3] - t[4], sum(t)


def used():
    """Seconds of processor time of this process and of those it has waited for."""
    return sum(os.times()[:4])


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.cpu = str(max(os.sched_getaffinity(0)))
        self.modules = os.path.join(HERE, "_work")
        self.torch, self.ort, self.why = None, None, []
        self.patience = args.patience
        self.others, self.had = 0.0, 0.0  # processor time while measuring: of other work, of the machine

    def wait_for_quiet(self):
        """Waits until other work has less than a twentieth of the machine, while there is patience."""
        while self.patience > 0:
            (a, t), start = busy(), time.monotonic()
            time.sleep(0.2)
            (b, u) = busy()
            if b - a < 0.05 * (u - t) + 0.011:  # the clock of /proc/stat ticks each 10 ms
                return
            self.patience -= time.monotonic() - start

    def call(self, command, threads, env=None):
        if threads == 1:
            command = ["taskset", "-c", self.cpu, *command]
        self.wait_for_quiet()
        (a, t), mine = busy(), used()
        r = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        (b, u), mine = busy(), used() - mine
        self.others += max(0, b - a - mine)
        self.had += u - t
        if r.returncode:
            sys.exit("%s: %s" % (" ".join(command), r.stderr.strip() or r.returncode))
        return json.loads(r.stdout)

    def find_peers(self):
        try:
            got = self.run_torch("ht-r4", "frame", 1)
        except SystemExit as e:
            self.why.append("PyTorch was left out: %s" % str(e).splitlines()[-1])
        else:
            # the reference BLAS is called libblas.so.3 too, but has no other library behind it
            if not any(name in got["blas"] for name in ("openblas", "mkl", "blis", "atlas", "built in")):
                sys.exit("PyTorch does its products with the reference BLAS (%s), which is several times slower: install libopenblas0" % got["blas"])
            self.torch = "PyTorch %s, %s" % (got["version"], next((b for b in got["blas"].split() if "open" in b or "mkl" in b), got["blas"]))
        os.makedirs(self.modules, exist_ok=True)
        try:
            if not os.path.isdir(os.path.join(self.modules, "node_modules", "onnxruntime-node")):
                with open(os.path.join(self.modules, "package.json"), "w") as f:
                    f.write('{"private": true}\n')
                subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ORT], cwd=self.modules, check=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as e:
            self.why.append("ONNX Runtime was left out: npm install %s: %s" % (ORT, e))
        else:
            self.ort = "ONNX Runtime %s" % self.run_onnx("ht-r4", "frame")["version"]

    def run_ours(self, network, name, threads):
        return self.call([self.args.fdht, "bench", "--row", network + "/" + name, "--workers", str(threads)], threads)

    def run_torch(self, network, name, threads):
        script = os.path.join(HERE, "torch_fdht.py")
        command = [sys.executable, script, "--network", network, "--pass", name, "--threads", str(threads), "--seconds", str(self.args.seconds)]
        return self.call(command, threads, environment(threads))

    def run_onnx(self, network, name):
        path = os.path.join(self.folder, "%s-%s.onnx" % (network, name))
        if not os.path.exists(path):
            subprocess.run([sys.executable, os.path.join(HERE, "onnx_models.py"), network, name, path], check=True)
        return self.call(["node", os.path.join(HERE, "onnx_bench.cjs"), self.modules, path, "1", str(self.args.seconds)], 1, environment(1))

    def compare(self, network, name, threads):
        """Medians of times and ratios of all peers in one cell of the tables."""
        peers = {}
        if self.torch:
            peers["torch"] = lambda: self.run_torch(network, name, threads)
        if self.ort and name != "train16x6" and threads == 1:
            peers["onnx"] = lambda: self.run_onnx(network, name)
        ours = lambda: self.run_ours(network, name, threads)
        rounds = self.args.rounds if network != "dense" else max(1, self.args.rounds - 1)  # long passes move less
        times, ratios = {"ours": [ours()]}, {}
        for _ in range(rounds):
            got = {p: run() for p, run in peers.items()}
            times["ours"].append(ours())
            ms = statistics.mean(t["ms"] for t in times["ours"][-2:])
            for p, t in got.items():
                times.setdefault(p, []).append(t)
                ratios.setdefault(p, []).append(t["ms"] / ms)
        cell = {p: {k: statistics.median(t[k] for t in ts) for k in ("ms", "rss_mib")} for p, ts in times.items()}
        for p, r in ratios.items():
            cell[p]["ratio"] = statistics.median(r)
        print(network, name, threads, {p: {k: round(v, 3) for k, v in c.items()} for p, c in cell.items()}, file=sys.stderr, flush=True)
        return cell


def digits(x):
    return "%.3f" % x if x < 1 else "%.2f" % x if x < 10 else "%.1f" % x if x < 100 else "{:,.0f}".format(x)


def entry(cell, peer, key, form="%s"):
    return form % digits(cell[peer][key]) if peer in cell and key in cell[peer] else "-"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def document(b, machine, kernels, cells, planned):
    m = machine["machine"]
    out = ["# Speed\n"]
    out.append("%s, %d cores, %s/%s, %s, %s kernels; %s. Other work took %.0f %% of the machine meanwhile.\n" % (
        m["cpu"], m["cores"], m["os"], m["arch"], m["go"], m["path"], datetime.date.today(), 100 * b.others / b.had))
    out.append("    make bench-peers\n")
    out.append("Beside us: %s.%s\n" % ("; ".join(filter(None, [b.torch, b.ort])) or "nobody", "".join(" %s." % w.rstrip(".") for w in b.why)))
    out.append(
        "LSTM of 57,600 inputs and 256 hidden units. HT has modes 8,20,20,19 and 4,4,8,8. Each time is the median of repeated passes in a process of its own, then "
        "the median of %d such processes (%d for dense); the processes take turns, a ratio is one of neighbours in time, and the median of these is shown. "
        "One thread is bound to one processor. Our frames are bytes, as a decoded video is, and become floats while they are read, but for the single frame; the others are given floats. PyTorch and ONNX Runtime run the FDHT-LSTM in the best form found for them (`bench/peers`): half-trees merged ahead, "
        "for inference once in all, the input part of all steps in one batch of products, the hidden part merged to one small matrix. A training step is forward, backward and AdamW.\n"
        % (b.args.rounds, max(1, b.args.rounds - 1)))
    for threads, title in ((1, "One thread"), (2, "Two threads")):
        mine = {k: c for k, c in cells.items() if k[2] == threads}
        if not mine:
            continue
        out.append("## %s\n" % title)
        head = ["network", "pass", "fdht ms", "PyTorch ms", "ONNX Runtime ms", "PyTorch / fdht", "ONNX Runtime / fdht"]
        out.append(table(head, [
            [NETWORKS[n], PASSES[p], entry(c, "ours", "ms"), entry(c, "torch", "ms"), entry(c, "onnx", "ms"),
             entry(c, "torch", "ratio", "**%s**"), entry(c, "onnx", "ratio", "**%s**")] for (n, p, _), c in mine.items()]))
    rows = []
    for p in PASSES:
        small, dense = cells.get(("ht-r4", p, 1)), cells.get(("dense", p, 1))
        if small and dense:
            best = min(c["ms"] for q, c in dense.items() if q != "ours") if len(dense) > 1 else None
            rows.append([PASSES[p], digits(dense["ours"]["ms"] / small["ours"]["ms"]), digits(best / small["ours"]["ms"]) if best else "-"])
    if rows:
        out.append("## HT, ranks 4, against the dense LSTM, one thread\n")
        out.append(table(["pass", "our dense / our HT", "best dense of the others / our HT"], rows))
    if planned:
        out.append("## The planner's own modes\n")
        out.append("Ranks 4 and no more weights than above, the modes and their pairing that `fdht plan` puts first; one thread.\n")
        out.append(table(["pass", "ms", "peak MiB", "HT of the tables above / it"], [
            [PASSES[p], digits(c["ms"]), digits(c["rss_mib"]), digits(c["ratio"])] for p, c in planned.items()]))
    two = [(n, p) for n, p, t in cells if t == 2 and (n, p, 1) in cells]
    if two:
        out.append("## Two threads against one\n")
        gain = lambda n, p, who: digits(cells[n, p, 1][who]["ms"] / cells[n, p, 2][who]["ms"]) if who in cells[n, p, 2] else "-"
        out.append(table(["network", "pass", "fdht", "PyTorch"], [[NETWORKS[n], PASSES[p], gain(n, p, "ours"), gain(n, p, "torch")] for n, p in two]))
    out.append("## Peak memory, one thread, MiB\n")
    out.append("Of the whole process with its runtime and the clips it was given (16 clips of 6 frames: 5.5 MB of bytes for us, 22 MB of floats for the others).\n")
    out.append(table(["network", "pass", "fdht", "PyTorch", "ONNX Runtime"], [
        [NETWORKS[n], PASSES[p], *("%.0f" % c[w]["rss_mib"] if w in c else "-" for w in ("ours", "torch", "onnx"))] for (n, p, t), c in cells.items() if t == 1]))
    out.append("## Kernels\n")
    out.append("One core, operands in cache. Peak, multiply-adds on registers alone: %.0f GFLOP/s. A is [M, K].\n" % machine["peak_gflops"])
    share = lambda k: "%.0f (%.0f %%)" % (k["gflops"], 100 * k["gflops"] / machine["peak_gflops"])
    by = {}
    for k in kernels:
        by.setdefault((k["m"], k["k"], k["n"]), {})[k["op"]] = share(k)
    out.append(table(["M, K, N", "A B, GFLOP/s", "A^T B", "A B^T"], [["%d, %d, %d" % s, o.get("nn"), o.get("tn"), o.get("nt")] for s, o in by.items()]))
    return "\n".join(out)


def write(path, text):
    """All of the file or nothing."""
    part = path + ".part"
    with open(part, "w") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(part, path)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--fdht", required=True, help="the program")
    p.add_argument("--out", required=True, help="the document to write")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=0.6, help="for one number of a peer")
    p.add_argument("--patience", type=float, default=90, help="seconds to wait, in all, for other work to end")
    p.add_argument("--networks", default=",".join(NETWORKS), help="some of %(default)s")
    a = p.parse_args()
    networks = a.networks.split(",")
    if unknown := set(networks) - set(NETWORKS):
        p.error("--networks: no %s" % ", ".join(unknown))
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(a, folder)
        b.find_peers()
        for w in b.why:
            print(w, file=sys.stderr)
        machine = b.call([a.fdht, "bench", "--json", "--quiet", "--only", "^(nn|tn|nt)/"], 1)
        machine["machine"]["cores"] = len(os.sched_getaffinity(0))  # that process was bound to one
        cells, planned = {}, {}
        save = lambda: write(a.out, document(b, machine, machine["kernels"], cells, planned))
        for n in networks:
            for name in PASSES:
                cells[n, name, 1] = b.compare(n, name, 1)
            save()  # what there is, should the run be stopped
        if len(os.sched_getaffinity(0)) > 1:
            for n in [n for n in networks if n != "ht-r8"]:
                for name in ("batch16x6", "train16x6"):
                    cells[n, name, 2] = b.compare(n, name, 2)
        for name in PASSES:
            pairs = [(b.run_ours("ht-r4", name, 1)["ms"], b.run_ours("ht-r4-planned", name, 1)) for _ in range(a.rounds)]
            planned[name] = {k: statistics.median(q[k] for _, q in pairs) for k in ("ms", "rss_mib")}
            planned[name]["ratio"] = statistics.median(h / q["ms"] for h, q in pairs)
        save()
    print("wrote", a.out, file=sys.stderr)


main()
