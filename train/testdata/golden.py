# Writes golden.json: what PyTorch's AdamW, OneCycleLR and cross_entropy compute, for optimiser_test.go.
#   python3 golden.py > golden.json
import json, torch
torch.manual_seed(1)
out = {"torch": torch.__version__}

w = torch.randn(3, 4, dtype=torch.float64).float().double().requires_grad_()
b = torch.randn(5, dtype=torch.float64).float().double().requires_grad_()
opt = torch.optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}], lr=1, betas=(0.9, 0.99), eps=1e-6)
steps = []
start = [w.detach().flatten().tolist(), b.detach().tolist()]
for t in range(12):
    lr = 0.02 / (t + 1)
    for g in opt.param_groups:
        g["lr"] = lr
    w.grad = torch.randn(3, 4).double() * 10.0 ** (t % 5 - 3)
    b.grad = torch.randn(5).double()
    g = [w.grad.flatten().tolist(), b.grad.tolist()]
    opt.step()
    steps.append({"lr": lr, "grads": g, "params": [w.detach().flatten().tolist(), b.detach().tolist()]})
out["adamw"] = {"decay": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "start": start, "steps": steps}

opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
s = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.4, total_steps=40)
lrs = []
for _ in range(40):
    lrs.append(opt.param_groups[0]["lr"])
    opt.step()
    s.step() if len(lrs) < 40 else None
out["onecycle"] = {"peak": 0.4, "total": 40, "lr": lrs}

out["loss"] = []
for eps in (0.0, 0.1, 0.7):
    z = (torch.randn(6) * 8).double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(z[None], torch.tensor([2]), label_smoothing=eps)
    loss.backward()
    out["loss"].append({"smoothing": eps, "logits": z.detach().tolist(), "label": 2, "loss": loss.item(), "grad": z.grad.tolist()})
print(json.dumps(out))
