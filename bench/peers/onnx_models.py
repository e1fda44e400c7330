"""Writes networks of the paper's size as ONNX files, without the onnx package.

    python3 onnx_models.py dense frame OUT.onnx

dense is ONNX's own LSTM operator. ht-r4 and ht-r8 are the FDHT-LSTM with its half-trees merged ahead, as in torch_fdht.py: the input part of all
steps is one batch of products, the steps are written out one after the other. Their frames come padded to whole rows of the
matrix, so that the graph need not do it: that is left out of what is measured.
Only the fields of onnx.proto3 that are needed are encoded; weights are random, their values make no difference to the time.
"""

import array
import random
import struct
import sys

INPUTS, HIDDEN = 57600, 256
PASSES = {"frame": (1, 1), "clip24": (24, 1), "batch16x6": (6, 16)}  # steps, clips
MODES_OUT, MODES_IN = (4, 4, 8, 8), (8, 20, 20, 19)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def block(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def floats(name, shape, scale=None):
    """TensorProto of random numbers of a deviation, or of zeros."""
    n = 1
    for d in shape:
        n *= d
    if scale is None:
        raw = bytes(4 * n)
    else:
        some = array.array("f", (random.gauss(0, scale) for _ in range(min(n, 9973))))  # repeated: 59 million draws take minutes
        raw = (some.tobytes() * (n // len(some) + 1))[: 4 * n]
    return b"".join(number(1, d) for d in shape) + number(2, 1) + block(8, name) + block(9, raw)


def integers(name, values):
    return number(1, len(values)) + number(2, 7) + block(8, name) + block(9, struct.pack("<%dq" % len(values), *values))


def value(name, shape):
    """ValueInfoProto of floats."""
    dims = b"".join(block(1, number(1, d)) for d in shape)
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, dims)))


class Graph:
    def __init__(self):
        self.nodes, self.tensors, self.inputs, self.outputs = [], [], [], []

    def node(self, op, inputs, outputs, **attributes):
        body = b"".join(block(1, i) for i in inputs) + b"".join(block(2, o) for o in outputs) + block(4, op)
        for name, n in attributes.items():
            body += block(5, block(1, name) + number(3, n) + number(20, 2))  # INT
        self.nodes.append(block(1, body))
        return outputs[0]

    def weight(self, name, shape, scale=None):
        self.tensors.append(block(5, floats(name, shape, scale)))
        return name

    def shape(self, name, values):
        self.tensors.append(block(5, integers(name, values)))
        return name

    def write(self, path):
        parts = self.nodes + [block(2, "fdht")] + self.tensors
        parts += [block(11, v) for v in self.inputs] + [block(12, v) for v in self.outputs]
        head = number(1, 8) + block(8, number(2, 14))  # IR 8, operators 14
        with open(path, "wb") as f:
            f.write(head + varint(7 << 3 | 2) + varint(sum(map(len, parts))))
            f.writelines(parts)


def dense(steps, clips):
    g = Graph()
    g.inputs = [value("x", (steps, clips, INPUTS)), value("h", (1, clips, HIDDEN)), value("c", (1, clips, HIDDEN))]
    g.outputs = [value("hn", (1, clips, HIDDEN)), value("cn", (1, clips, HIDDEN))]
    g.weight("w", (1, 4 * HIDDEN, INPUTS), 0.004)
    g.weight("r", (1, 4 * HIDDEN, HIDDEN), 0.004)
    g.weight("b", (1, 8 * HIDDEN))
    g.node("LSTM", ["x", "w", "r", "b", "", "h", "c"], ["", "hn", "cn"], hidden_size=HIDDEN)
    return g


def ht(rank, steps, clips):
    (m1, m2, m3, m4), (_, _, n3, n4) = MODES_OUT, MODES_IN
    row = n3 * n4
    used = -(-INPUTS // row)  # rows of the frame seen as [n1 n2, n3 n4]
    g = Graph()
    g.inputs = [value("x", (steps * clips, used, row)), value("h", (clips, HIDDEN)), value("c", (clips, HIDDEN))]
    g.outputs = [value("hn", (clips, HIDDEN)), value("cn", (clips, HIDDEN))]
    g.weight("left", (m1 * m2 * rank, used), 0.1)
    g.weight("right", (rank * row, m3 * m4), 0.1)
    g.weight("recurrent", (HIDDEN, 4 * HIDDEN), 0.004)
    g.weight("bias", (4 * HIDDEN,))
    t = g.node("MatMul", ["left", "x"], ["t"])
    t = g.node("Reshape", [t, g.shape("rows", (-1, rank * row))], ["t2"])
    z = g.node("MatMul", [t, "right"], ["z"])
    z = g.node("Reshape", [z, g.shape("steps", (steps, clips, 4 * HIDDEN))], ["z2"])
    z = g.node("Add", [z, "bias"], ["z3"])
    each = ["z_%d" % s for s in range(steps)]
    if steps > 1:
        g.node("Split", [z, g.shape("one", [1] * steps)], each, axis=0)
    else:
        g.node("Identity", [z], each)
    flat = g.shape("flat", (clips, 4 * HIDDEN))
    quarter = g.shape("quarter", [HIDDEN] * 4)
    h, c = "h", "c"
    for s in range(steps):
        n = lambda name: "%s_%d" % (name, s)
        a = g.node("Reshape", [each[s], flat], [n("a")])
        a = g.node("Gemm", [h, "recurrent", a], [n("g")])
        g.node("Split", [a, quarter], [n("i"), n("f"), n("c0"), n("o")], axis=1)
        i, f, o = (g.node("Sigmoid", [n(k)], [n(k + "s")]) for k in "ifo")
        new = g.node("Mul", [i, g.node("Tanh", [n("c0")], [n("ct")])], [n("new")])
        last = s == steps - 1
        c = g.node("Add", [g.node("Mul", [f, c], [n("keep")]), new], ["cn" if last else n("cell")])
        h = g.node("Mul", [o, g.node("Tanh", [c], [n("tc")])], ["hn" if last else n("hidden")])
    return g


def main():
    network, name, path = sys.argv[1:]
    steps, clips = PASSES[name]
    random.seed(1)
    g = dense(steps, clips) if network == "dense" else ht(int(network.removeprefix("ht-r")), steps, clips)
    g.write(path)


main()
