"""Loss and gradients of small transformers in PyTorch, in double precision: the numbers of
tests/selector_transformer_model.rs.

    scripts/reference/setup && .reference/bin/python scripts/reference/selector_transformer.py

The base model is PyTorch's own nn.TransformerEncoderLayer, without dropout; the others have the
notebook's neurons in place of its linear layers, without the ReLU inside.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

V, D, HEADS, INNER, LAYERS, BATCH, TIME = 11, 8, 2, 12, 2, 3, 5
PARTS = [("self_attn.q_linear", D, D), ("self_attn.k_linear", D, D), ("self_attn.v_linear", D, D),
         ("self_attn.out_proj", D, D), ("linear1", D, INNER), ("linear2", INNER, D)]


def wave(name, shape, rate):
    """Numbers from -1 to 1 that depend on the parameter's name."""
    phase = sum(name.encode()) * 0.7
    return torch.sin(rate * torch.arange(math.prod(shape), dtype=torch.float64) + phase).view(shape)


def value(name, shape):
    if ".norm" in name:
        return (1.0 if name.endswith("weight") else 0.0) + 0.1 * wave(name, shape, 1.3)
    return 0.5 * wave(name, shape, 1.3)


class Parameters(dict):
    def __missing__(self, key):
        name, shape = key
        self[key] = value(name, shape).requires_grad_()
        return self[key]


def positions():
    angle = torch.arange(TIME, dtype=torch.float64)[:, None] / 10000 ** (2 * torch.arange(D // 2) / D)
    code = torch.zeros(TIME, D, dtype=torch.float64)
    code[:, 0::2], code[:, 1::2] = torch.sin(angle), torch.cos(angle)
    return code


def plain(p, name, x, inputs, outputs):
    return F.linear(x, p[name + ".weight", (outputs, inputs)], p[name + ".bias", (outputs,)])


def softmax_neurons(k):
    def layer(p, name, x, inputs, outputs):
        s, w = p[name + ".selection.weight", (k, outputs, inputs)], p[name + ".computation.weight", (k, outputs, inputs)]
        c, b = p[name + ".selection.bias", (k, outputs)], p[name + ".computation.bias", (k, outputs)]
        z = torch.einsum("bti,kni->btnk", x, s) + c.T
        h = torch.einsum("bti,kni->btnk", x, w) + b.T
        soft = torch.softmax(z, -1)
        hard = F.one_hot(z.argmax(-1), k).double()
        return ((hard - soft.detach() + soft) * h).sum(-1)
    return layer


def printed_neurons(p, name, x, inputs, outputs):
    s, c = p[name + ".selection.weight", (outputs, inputs)], p[name + ".selection.bias", (outputs,)]
    w, b = p[name + ".computation.weight", (2, outputs, inputs)], p[name + ".computation.bias", (2, outputs)]
    output = torch.sigmoid(F.linear(x, s, c))
    hard = (output < 0.5).double()
    mask = hard - output.detach() + output
    return mask * F.linear(x, w[0], b[0]) + (1 - mask) * F.linear(x, w[1], b[1])


def block_by_hand(p, i, x, layers):
    def apply(part, x):
        part, inputs, outputs = PARTS[part]
        return layers[part.startswith("linear")](p, f"layers.{i}.{part}", x, inputs, outputs)

    def norm(name, x):
        name = f"layers.{i}.{name}"
        return F.layer_norm(x, (D,), p[name + ".weight", (D,)], p[name + ".bias", (D,)])

    q, k, v = [apply(part, x).view(BATCH, TIME, HEADS, -1) for part in range(3)]
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(D // HEADS)
    scores = scores.masked_fill(torch.ones(TIME, TIME).triu(1).bool(), -math.inf)
    mixed = torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).reshape(BATCH, TIME, D)
    x = norm("norm1", x + apply(3, mixed))
    return norm("norm2", x + apply(5, F.relu(apply(4, x))))


def block_of_pytorch(p, i, x, _):
    layer = nn.TransformerEncoderLayer(D, HEADS, INNER, dropout=0.0, batch_first=True).double()
    name = f"layers.{i}."
    get = lambda part, *shape: p[name + part, shape]
    qkv = lambda part, *shape: torch.cat([get(f"self_attn.{x}_linear.{part}", *shape) for x in "qkv"])
    weights = {
        "self_attn.in_proj_weight": qkv("weight", D, D), "self_attn.in_proj_bias": qkv("bias", D),
        "self_attn.out_proj.weight": get("self_attn.out_proj.weight", D, D),
        "self_attn.out_proj.bias": get("self_attn.out_proj.bias", D),
        "linear1.weight": get("linear1.weight", INNER, D), "linear1.bias": get("linear1.bias", INNER),
        "linear2.weight": get("linear2.weight", D, INNER), "linear2.bias": get("linear2.bias", D),
        **{f"norm{n}.{part}": get(f"norm{n}.{part}", D) for n in (1, 2) for part in ("weight", "bias")},
    }
    mask = nn.Transformer.generate_square_subsequent_mask(TIME).double()
    return torch.func.functional_call(layer, weights, (x,), {"src_mask": mask, "is_causal": True})


def run(title, block, layers, out, shown):
    p = Parameters()
    tokens = (torch.arange(BATCH * (TIME + 1)) * 7 + 3) % V
    tokens = tokens.view(BATCH, TIME + 1)
    x = F.embedding(tokens[:, :-1], p["embedding.weight", (V, D)]) * math.sqrt(D) + positions()
    for i in range(LAYERS):
        x = block(p, i, x, layers)
    logits = out(p, "linear_out", x, D, V)
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    print(f"{title}: loss {loss.item()!r}")
    for (name, shape), parameter in p.items():
        if name in shown:
            print(f"    (\"{name}\", {(parameter.grad * wave(name, shape, 0.9)).sum().item()!r}),")


PLAIN = ["embedding.weight", "layers.0.self_attn.q_linear.weight", "layers.0.self_attn.k_linear.weight",
         "layers.0.norm1.bias", "layers.1.linear1.weight", "layers.1.linear2.bias", "linear_out.weight"]
SELECTOR = ["embedding.weight", "layers.0.self_attn.q_linear.selection.weight",
            "layers.0.self_attn.v_linear.computation.weight", "layers.0.linear1.selection.bias",
            "layers.1.self_attn.out_proj.computation.bias", "layers.1.linear2.selection.weight",
            "linear_out.selection.weight", "linear_out.computation.weight"]

if __name__ == "__main__":
    print(f"PyTorch {torch.__version__}")
    run("base", block_of_pytorch, None, plain, PLAIN)
    three = softmax_neurons(3)
    run("all, K = 3", block_by_hand, [three, three], three, SELECTOR)
    # layers[0] for the attention, layers[1] for the feed-forward part
    run("attention, K = 3", block_by_hand, [three, plain], plain, PLAIN + SELECTOR)
    run("linear, as printed", block_by_hand, [plain, printed_neurons], printed_neurons, PLAIN + SELECTOR)
