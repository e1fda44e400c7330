"""Writes kinds.json: matrices in tensor-train, tensor-ring and block-term form in float64 by PyTorch's einsum, with their
weights, a batch, the outputs and the gradients of a loss. Weights and inputs are float32 numbers, so that a float32 program
begins with the same.

    apt-get install python3-torch python3-numpy     # Debian 12: PyTorch 1.13.1
    /usr/bin/python3 testdata/kinds.py > testdata/kinds.json
"""
import json
import string
import torch

ROWS = 5


def numbers(t):
    return [float("%.10g" % v) for v in t.detach().reshape(-1).tolist()]


def leaf(*shape):
    return (torch.randn(*shape) * 0.7).double().requires_grad_()


def train(ins, outs, bonds):
    """core.k [r_k, m, n, r_k+1]; the first and the last bond are one index."""
    d = len(ins)
    params = {f"core.{k}": leaf(bonds[k], outs[k], ins[k], bonds[k + 1]) for k in range(d)}
    i, j, a = string.ascii_lowercase[:d], string.ascii_lowercase[d:2 * d], string.ascii_uppercase[:d]
    terms = [a[k] + i[k] + j[k] + a[(k + 1) % d] for k in range(d)]
    return params, ",".join(terms) + "->" + i + j


def blocks(ins, outs, count, rank):
    """block.p.factor.k [m, n, r] and block.p.core [r, .., r]."""
    d = len(ins)
    params = {}
    for p in range(count):
        for k in range(d):
            params[f"block.{p}.factor.{k}"] = leaf(outs[k], ins[k], rank)
        params[f"block.{p}.core"] = leaf(*[rank] * d)
    i, j, a = string.ascii_lowercase[:d], string.ascii_lowercase[d:2 * d], string.ascii_uppercase[:d]
    return params, ",".join([i[k] + j[k] + a[k] for k in range(d)] + [a]) + "->" + i + j


def case(name, kind, ins, outs, ranks):
    torch.manual_seed(sum(map(ord, name)))
    if kind == "bt":
        params, text = blocks(ins, outs, ranks["blocks"], ranks["rank"])
        step = len(ins) + 1
    else:
        params, text = train(ins, outs, ranks)
        step = len(ins)
    rows, cols = int(torch.tensor(outs).prod()), int(torch.tensor(ins).prod())
    factors = list(params.values())
    w = sum(torch.einsum(text, *factors[p:p + step]) for p in range(0, len(factors), step)).reshape(rows, cols)
    x = torch.randn(ROWS, cols).double().requires_grad_()
    target = torch.randn(ROWS, rows).double()
    y = x @ w.T
    loss = ((y - target) ** 2).sum() / 2
    loss.backward()
    return {
        "name": name, "spec": {"kind": kind, "scope": "full", "in": ins, "out": outs, "ranks": ranks}, "rows": ROWS,
        "weights": {k: numbers(p) for k, p in params.items()}, "x": numbers(x), "target": numbers(target),
        "w": numbers(w), "y": numbers(y), "dx": numbers(x.grad), "grads": {k: numbers(p.grad) for k, p in params.items()},
    }


CASES = [
    case("tt-d4", "tt", [3, 2, 4, 2], [2, 3, 2, 2], [1, 3, 4, 2, 1]),
    case("tt-d1", "tt", [5], [4], [1, 1]),
    case("tr-d4", "tr", [3, 2, 4, 2], [2, 3, 2, 2], [2, 3, 4, 3, 2]),
    case("tr-d2", "tr", [4, 3], [3, 4], [3, 2, 3]),
    case("tr-d1", "tr", [5], [4], [3, 3]),
    case("bt-d3", "bt", [3, 2, 4], [2, 3, 2], {"blocks": 2, "rank": 3}),
    case("bt-d4", "bt", [3, 2, 2, 2], [2, 2, 2, 1], {"blocks": 3, "rank": 2}),
    case("bt-d1", "bt", [5], [4], {"blocks": 2, "rank": 2}),
]
print(json.dumps({
    "about": "made by testdata/kinds.py with PyTorch %s; loss = sum (x W^T - target)^2 / 2" % torch.__version__,
    "cases": CASES,
}, separators=(",", ":")).replace('{"name"', '\n{"name"'))
