"""The papers' equations once more, in numpy and float64, written from the text and sharing no code with the package."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
State = Mapping[str, Array]


def state_of(network) -> dict[str, Array]:
    return {name: value.detach().numpy().astype(np.float64) for name, value in network.state_dict().items()}


def under(state: State, prefix: str) -> dict[str, Array]:
    return {name.removeprefix(f"{prefix}."): value for name, value in state.items() if name.startswith(f"{prefix}.")}


def softmax(x: Array, axis: int) -> Array:
    shifted = np.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def linear(x: Array, state: State, prefix: str = "") -> Array:
    dot = f"{prefix}." if prefix else ""
    out = x @ state[f"{dot}weight"].T
    return out + state[f"{dot}bias"] if f"{dot}bias" in state else out


def layer_norm(x: Array, state: State, prefix: str, eps: float = 1e-5) -> Array:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * state[f"{prefix}.weight"] + state[f"{prefix}.bias"]


def positions(rows: int, width: int) -> Array:
    table = np.empty((rows, width))
    for t in range(rows):
        for c in range(0, width, 2):
            angle = t / 10_000 ** (c / width)
            table[t, c], table[t, c + 1] = np.sin(angle), np.cos(angle)
    return table


def mhsa(q: Array, k: Array, v: Array, state: State, heads: int) -> tuple[Array, Array]:
    """One sample: (M, D), (L, D), (L, D) to (M, D) and weights (heads, M, L)."""
    width = q.shape[1]
    size = width // heads
    rows = [state["in_proj_weight"][i * width : (i + 1) * width] for i in range(3)]
    biases = [state["in_proj_bias"][i * width : (i + 1) * width] for i in range(3)]
    q, k, v = (x @ w.T + b for x, w, b in zip((q, k, v), rows, biases, strict=True))
    outs, weights = [], []
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        weights.append(softmax(q[:, part] @ k[:, part].T / np.sqrt(size), axis=1))
        outs.append(weights[-1] @ v[:, part])
    return linear(np.concatenate(outs, axis=1), under(state, "out_proj")), np.stack(weights)


def conv2d(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """(C, T, F) with (O, C, k, k), zero padding that keeps the size."""
    pad = kernel.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((kernel.shape[0], *x.shape[1:]))
    for i in range(kernel.shape[2]):
        for j in range(kernel.shape[3]):
            window = padded[:, i : i + x.shape[1], j : j + x.shape[2]]
            out += np.einsum("oc,ctf->otf", kernel[:, :, i, j], window)
    return out if bias is None else out + bias[:, None, None]


def conv1d(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """(C, F) with (O, C, k), zero padding that keeps the size."""
    return conv2d(x[:, None, :], _as_row(kernel), bias)[:, 0]


def _as_row(kernel: Array) -> Array:
    size = kernel.shape[2]
    square = np.zeros((*kernel.shape[:2], size, size))
    square[:, :, size // 2] = kernel
    return square


def batch_norm(x: Array, state: State, prefix: str, eps: float) -> Array:
    shape = (-1,) + (1,) * (x.ndim - 1)
    mean, variance = (state[f"{prefix}.{name}"].reshape(shape) for name in ("running_mean", "running_var"))
    scale, shift = (state[f"{prefix}.{name}"].reshape(shape) for name in ("weight", "bias"))
    return (x - mean) / np.sqrt(variance + eps) * scale + shift


def average_pool(x: Array, time: int, mels: int) -> Array:
    channels, frames, bins = x.shape
    cut = x[:, : frames // time * time, : bins // mels * mels]
    return cut.reshape(channels, frames // time, time, bins // mels, mels).mean((2, 4))


def adaptive_average(x: Array, size: int) -> Array:
    """(T, D) to (size, D): row i averages floor(i T / size) up to ceil((i + 1) T / size)."""
    frames = len(x)
    return np.stack([x[i * frames // size : -(-(i + 1) * frames // size)].mean(0) for i in range(size)])


# --- CFSum -----------------------------------------------------------------------------------------------------------


def mlp(x: Array, state: State) -> Array:
    return linear(relu(linear(x, state, "0")), state, "3")


def cfsum(state: State, inputs: Mapping[str, Array], heads: int, asks: Mapping[str, str]) -> tuple[Array, dict]:
    """One sample through eq. 1-8; `asks` names whom each clip modality asks."""
    f = {}
    for name, rows in inputs.items():
        own = under(state, f"inputs.{name}")
        f[name] = linear(layer_norm(rows, own, "norm"), own, "linear")
        auto = under(state, f"autoencoders.{name}")
        if auto:
            place = positions(*f[name].shape)
            att, _ = mhsa(f[name] + place, f[name] + place, f[name], under(auto, "attention.attention"), heads)
            f[name] = mlp(att + f[name], under(auto, "mlp"))  # eq. 1-2
    if under(state, "fusion"):
        joined = np.concatenate(list(f.values()))
        place = np.concatenate([positions(*rows.shape) for rows in f.values()])
        att, _ = mhsa(joined + place, joined + place, joined, under(state, "fusion.attention.attention"), heads)
        z = att + joined  # eq. 3-5
        start = 0
        for name in f:
            stop = start + len(f[name])
            f[name] = mlp(z[start:stop], under(state, f"fusion.feed_forward.{name}"))
            start = stop
    terms = {}
    for name in ("video", "audio"):
        if name not in f:
            continue
        term, z = name, f[name]
        if name in asks:
            term = f"{name}-{asks[name]}"
            keys = f[asks[name]]
            q, k = z + positions(*z.shape), keys + positions(*keys.shape)
            z, _ = mhsa(q, k, keys, under(state, f"interactions.{term}.attention.attention"), heads)  # eq. 6
        terms[term] = state[f"omega.{name}"] * z  # eq. 7
    return linear(sum(terms.values()), state, "head")[:, 0], {t: z @ state["head.weight"][0] for t, z in terms.items()}


# --- DAViHD ----------------------------------------------------------------------------------------------------------


def post_norm_layer(x: Array, state: State, heads: int) -> Array:
    att, _ = mhsa(x, x, x, under(state, "attention"), heads)
    x = layer_norm(x + att, state, "attention_norm")
    return layer_norm(x + mlp(x, under(state, "feed_forward")), state, "feed_forward_norm")


def branch(x: Array, state: State) -> Array:
    hidden = conv2d(x, state["0.weight"], state["0.bias"])
    hidden = relu(batch_norm(hidden, state, "1", 1e-5))
    return conv2d(hidden, state["3.weight"], state["3.bias"])


def frequency_dynamic(x: Array, state: State, temperature: float) -> tuple[Array, Array]:
    """(C, T, F) to (O, T, F) and kernel weights (K, F)."""
    attention = under(state, "attention")
    difference = np.zeros_like(x)
    for t in range(1, x.shape[1]):
        difference[:, t] = np.abs(x[:, t] - x[:, t - 1])
    gate = sigmoid(branch(x, under(attention, "saliency_gate")))
    velocity = softmax(branch(difference, under(attention, "velocity")), axis=1)
    time = softmax(branch(x, under(attention, "time")), axis=1)
    pooled = (time * gate).sum(1) + (velocity * gate).sum(1) + x.mean(1)
    squeezed = relu(batch_norm(conv1d(pooled, attention["squeeze.weight"]), attention, "squeeze_norm", 1e-5))
    weights = softmax(conv1d(squeezed, attention["expand.weight"], attention["expand.bias"]) / temperature, axis=0)
    out = sum(conv2d(x, kernel) * weights[k][None, None] for k, kernel in enumerate(state["kernels"]))
    return out, weights


def pre_norm_layer(x: Array, state: State, heads: int) -> Array:
    normed = layer_norm(x, state, "norm1")
    x = x + mhsa(normed, normed, normed, under(state, "self_attn"), heads)[0]
    hidden = relu(linear(layer_norm(x, state, "norm2"), state, "linear1"))
    return x + linear(hidden, state, "linear2")


def dynamics(mel: Array, state: State, config) -> Array:
    """(N, 128) to (N, width)."""
    x = np.concatenate([mel, np.repeat(mel[-1:], max(0, 4 - len(mel)), axis=0)])[None]
    for i, (time, mels) in enumerate([(2, 2), (2, 2), (1, 2), (1, 2), (1, 2), (1, 2)]):
        layer = under(state, f"convolutions.{i}")
        if i == 0:
            x = conv2d(x, layer["convolution.weight"], layer["convolution.bias"])
        else:
            x, _ = frequency_dynamic(x, under(layer, "convolution"), config.temperature)
        x = average_pool(relu(batch_norm(x, layer, "norm", 1e-3)), time, mels)
    flat = x.transpose(1, 0, 2).reshape(x.shape[1], -1)  # channel by channel, its two bins side by side
    out = linear(adaptive_average(flat, len(mel)), state, "projection")
    if config.self_attention == "late":
        return out
    out = out + positions(*out.shape)
    for i in range(config.dynamics_layers):
        out = pre_norm_layer(out, under(state, f"transformer.layers.{i}"), config.dynamics_heads)
    return out


def cross(q: Array, kv: Array, state: State, heads: int) -> Array:
    rows = linear(q, state, "query"), linear(kv, state, "key"), linear(kv, state, "value")
    return mhsa(*rows, under(state, "attention"), heads)[0]


def davihd_head(x: Array, state: State) -> Array:
    x = relu(layer_norm(linear(x, state, "0"), state, "1", 1e-6))
    x = relu(layer_norm(linear(x, state, "4"), state, "5", 1e-6))
    return sigmoid(linear(x, state, "8"))[:, 0]


def davihd_audio(state: State, semantic: Array | None, mel: Array | None, config) -> Array:
    own = under(state, "audio_encoder")
    late = config.self_attention == "late"
    streams = []
    if "semantic" in config.pathways:
        entered = linear(semantic, own, "input") if "input.weight" in own else semantic
        streams.append(entered if late else post_norm_layer(entered, under(own, "semantic"), config.heads))
    if "dynamics" in config.pathways:
        streams.append(dynamics(mel, under(own, "dynamics"), config))
    if len(streams) == 1:
        fused = streams[0]
    elif config.fusion == "multiply":
        fused = streams[0] * streams[1]
    else:
        fused = linear(np.concatenate(streams, axis=1), own, "join")
    return post_norm_layer(fused, under(own, "semantic"), config.heads) if late else fused


def davihd(state: State, visual: Array | None, semantic: Array | None, mel: Array | None, config) -> Array:
    parts = []
    if "visual" in config.pathways:
        entered = linear(visual, state, "visual_input") if "visual_input.weight" in state else visual
        parts.append(post_norm_layer(entered, under(state, "visual_encoder"), config.heads))
    if config.has_audio:
        parts.append(davihd_audio(state, semantic, mel, config))
    if len(parts) == 2:
        v, a = parts
        parts += [
            v + cross(v, a, under(state, "visual_to_audio"), config.heads),
            a + cross(a, v, under(state, "audio_to_visual"), config.heads),
        ]
    return davihd_head(np.concatenate(parts, axis=1), under(state, "head"))
