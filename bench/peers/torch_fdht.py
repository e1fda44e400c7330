"""FDHT-LSTM and nn.LSTM in PyTorch, measured: one pass of one network, one line of JSON.

    python3 torch_fdht.py --network ht-r4 --pass frame --threads 1 --seconds 1

The FDHT-LSTM is written to be as fast as PyTorch lets it. Its matrix W [M, N], with M = m1 m2 m3 m4 and N = n1 n2 n3 n4 and the
tree ((1,2),(3,4)), is applied as two half-trees:

    left  [m1 m2 p, n1 n2],  right [p n3 n4, m3 m4]:   t = left x,  y = t right      p: rank of the left half

The halves are merged once a batch in training and once in all for inference. The input part of all steps is one batch of products, and
the frames are used where they lie: whole rows of n3 n4 numbers in one product, what is left of a row in a second one.
The hidden part is one small matrix [H, M], merged at the same time, so that a step is one product and the gates.
"""

import argparse
import json
import math
import time

import torch
from torch import nn

INPUTS, HIDDEN, CLASSES = 57600, 256, 11
MODES_OUT, MODES_IN = (4, 4, 8, 8), (8, 20, 20, 19)
PASSES = {"frame": (1, 1), "clip24": (24, 1), "batch16x6": (6, 16), "train16x6": (6, 16)}  # steps, clips


class FDHT(nn.Module):
    def __init__(self, rank):
        super().__init__()
        m, n, r = MODES_OUT, MODES_IN, rank
        deviation = (1 / (INPUTS + HIDDEN) / r**6) ** (0.5 / 7)  # of 7 factors, so that W has 1/sqrt(I + H)
        new = lambda *shape: nn.Parameter(torch.randn(*shape) * deviation)
        self.leaves = nn.ParameterList([new(m[k], n[k], r) for k in range(4)])
        self.left, self.right, self.root = new(r, r, r), new(r, r, r), new(r, r)
        self.bias = nn.Parameter(torch.zeros(4 * HIDDEN))
        self.row = n[2] * n[3]  # numbers in a row of the frame seen as [n1 n2, n3 n4]

    def merge(self):
        (m1, m2, m3, m4), (n1, n2, n3, n4) = MODES_OUT, MODES_IN
        u1, u2, u3, u4 = self.leaves
        # left[a b p, j k] = sum_rs u1[a,j,r] u2[b,k,s] left[r,s,p]
        t = torch.einsum("bks,rsp->rbpk", u2, self.left)
        left = torch.einsum("ajr,rbpk->abpjk", u1, t)
        # right[p j k, a b] = sum_rsq u3[a,j,r] u4[b,k,s] right[r,s,q] root[p,q]
        t = torch.einsum("bks,rsp->rpkb", u4, torch.einsum("rsq,pq->rsp", self.right, self.root))
        right = torch.einsum("ajr,rpkb->pjkab", u3, t)
        p = left.shape[2]
        left, right = left.reshape(m1 * m2 * p, n1 * n2), right.reshape(p * self.row, m3 * m4)
        # hidden unit h stands in column I + h of W: the ends and middles of a few rows
        parts, at = [], INPUTS
        while at < INPUTS + HIDDEN:
            i, lo = divmod(at, self.row)
            hi = min(self.row, lo + INPUTS + HIDDEN - at)
            l = left[:, i].reshape(m1 * m2, p)
            r = right.view(p, self.row, -1)[:, lo:hi].reshape(p, -1)
            parts.append((l @ r).view(m1 * m2, hi - lo, -1).transpose(0, 1).reshape(hi - lo, -1))
            at += hi - lo
        return left, right, torch.cat(parts)

    def forward(self, x, state=None, merged=None):
        """x [S, B, I] -> h [B, H], c [B, H] after the last step."""
        left, right, recurrent = merged or self.merge()
        steps, clips, _ = x.shape
        rows = steps * clips
        whole, rest = divmod(INPUTS, self.row)
        flat = x.reshape(rows, INPUTS)
        frames = flat[:, : whole * self.row].unflatten(1, (whole, self.row))
        tail = flat[:, None, whole * self.row :]
        if rows == 1:
            t = torch.mm(left[:, :whole], frames[0])[None]
        else:
            t = torch.bmm(left[:, :whole].expand(rows, -1, -1), frames)
        t[:, :, :rest] += left[:, whole, None] * tail
        z = torch.mm(t.view(-1, right.shape[0]), right).view(steps, clips, -1) + self.bias
        h = c = None
        if state is not None:
            h, c = state
        for s in range(steps):
            a = z[s] if h is None else torch.addmm(z[s], h, recurrent)
            i, f, g, o = a.chunk(4, 1)
            new = torch.sigmoid(i) * torch.tanh(g)
            c = new if c is None else torch.addcmul(new, torch.sigmoid(f), c)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(INPUTS, HIDDEN)

    def merge(self):
        return None

    def forward(self, x, state=None, merged=None):
        if state is not None:
            state = (state[0][None], state[1][None])
        _, (h, c) = self.lstm(x, state)
        return h[0], c[0]


def check():
    """The fast way against nn.LSTMCell with the whole matrix."""
    torch.manual_seed(0)
    net = FDHT(3).double()
    u1, u2, u3, u4 = net.leaves
    with torch.no_grad():
        left = torch.einsum("aer,bfs,rsp->abefp", u1, u2, net.left)
        right = torch.einsum("cgt,dhu,tuq,pq->cdghp", u3, u4, net.right, net.root)
        w = torch.einsum("abefp,cdghp->abcdefgh", left, right).reshape(4 * HIDDEN, -1)
    cell = nn.LSTMCell(INPUTS, HIDDEN).double()
    nn.init.normal_(net.bias)
    with torch.no_grad():
        cell.weight_ih.copy_(w[:, :INPUTS]), cell.weight_hh.copy_(w[:, INPUTS : INPUTS + HIDDEN])
        cell.bias_ih.copy_(net.bias), cell.bias_hh.zero_()
        x = torch.randn(3, 2, INPUTS).double()
        h, c = torch.randn(2, HIDDEN).double(), torch.randn(2, HIDDEN).double()
        got = net(x, (h, c))
        for s in range(3):
            h, c = cell(x[s], (h, c))
    error = max((got[0] - h).abs().max().item(), (got[1] - c).abs().max().item())
    assert error < 1e-10, error
    print("largest difference to nn.LSTMCell with the whole matrix: %.1e" % error)


def prepare(network, name):
    """What one run of a pass is."""
    net = Dense() if network == "dense" else FDHT(int(network.removeprefix("ht-r")))
    steps, clips = PASSES[name]
    x = torch.rand(steps, clips, INPUTS) * 2 - 1
    head = nn.Linear(HIDDEN, CLASSES)
    if name == "train16x6":
        y = torch.arange(clips) % CLASSES
        adam = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=1e-3)

        def train():
            adam.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(head(net(x)[0]), y).backward()
            adam.step()

        return train
    merged = net.merge()
    if network != "dense":
        merged = tuple(m.detach() for m in merged)
    state = [(torch.zeros(clips, HIDDEN), torch.zeros(clips, HIDDEN))] if name == "frame" else [None]

    def infer():
        h, c = net(x, state[0], merged)
        if name == "frame":
            state[0] = (h, c)
        return head(h)

    return infer


def peak_memory():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))


def blas():
    """The library that does the products: with the reference BLAS PyTorch is several times slower than it can be."""
    with open("/proc/self/maps") as f:
        found = {line.split()[-1].rsplit("/", 1)[-1] for line in f if "blas" in line or "libmkl_core" in line}
    return " ".join(sorted(found)) or "built in"


def median(run, seconds, runs):
    """As fdht bench does it: a warm-up, then at least so many runs and so long."""
    run()
    warm = time.perf_counter()
    while time.perf_counter() - warm < seconds / 10:
        run()
    took, begin = [], time.perf_counter()
    while len(took) < runs or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return sorted(took)[len(took) // 2] * 1e3


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--check", action="store_true")
    p.add_argument("--network", choices=["ht-r4", "ht-r8", "dense"], default="ht-r4")
    p.add_argument("--pass", dest="name", choices=PASSES, default="frame")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seconds", type=float, default=1)
    p.add_argument("--runs", type=int, default=3)
    a = p.parse_args()
    if a.check:
        return check()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    run = prepare(a.network, a.name)
    if a.name == "train16x6":
        ms = median(run, a.seconds, a.runs)
    else:
        with torch.inference_mode():
            ms = median(run, a.seconds, a.runs)
    print(json.dumps({"ms": ms, "rss_mib": peak_memory(), "version": torch.__version__, "blas": blas()}))


main()
