"""Writes torch_cells.json: PyTorch's nn.LSTM, nn.GRU and nn.RNN on ragged sequences in float64, with their weights, outputs
and the gradients of a loss. Weights and inputs are float32 numbers, so that a float32 program begins with the same.

    apt-get install python3-torch python3-numpy     # Debian 12: PyTorch 1.13.1
    /usr/bin/python3 testdata/torch_cells.py > testdata/torch_cells.json
"""
import json
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

INPUT, HIDDEN, LENGTHS = 4, 3, [3, 1, 5, 2]
MODULES = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def numbers(t):
    return [float("%.10g" % v) for v in t.detach().reshape(-1).tolist()]


def case(cell, layers, both):
    torch.manual_seed(len(cell) + 10 * layers + 100 * both)
    net = MODULES[cell](INPUT, HIDDEN, layers, bidirectional=both, batch_first=True)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape) * 0.5)
    net = net.double()
    x = torch.randn(len(LENGTHS), max(LENGTHS), INPUT).double()
    target = torch.randn(len(LENGTHS), max(LENGTHS), HIDDEN * (2 if both else 1)).double()
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    h, _ = pad_packed_sequence(net(packed)[0], batch_first=True)
    steps = [(b, t) for b, n in enumerate(LENGTHS) for t in range(n)]
    loss = sum(((h[b, t] - target[b, t]) ** 2).sum() for b, t in steps) / 2
    loss.backward()
    rows = lambda v: numbers(torch.stack([v[b, t] for b, t in steps]))  # sequence by sequence, step by step
    return {
        "cell": cell, "layers": layers, "bidirectional": both, "input": INPUT, "hidden": HIDDEN, "lengths": LENGTHS,
        "x": rows(x), "target": rows(target), "h": rows(h), "loss": loss.item(),
        "weights": {k: numbers(p) for k, p in net.named_parameters()},
        "grads": {k: numbers(p.grad) for k, p in net.named_parameters()},
    }


print(json.dumps({
    "about": "made by testdata/torch_cells.py with PyTorch %s; loss = sum (h - target)^2 / 2" % torch.__version__,
    "cases": [case(cell, layers, both) for cell in MODULES for layers in (1, 2) for both in (False, True)],
}, separators=(",", ":")).replace('{"cell"', '\n{"cell"'))
