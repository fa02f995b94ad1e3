"""A model of open_clip on random weights that stands for one that lies on the hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from highlightr.features.backbones import clip_text, hub_clip
from highlightr.features.backbones.hub_clip import HubModel
from highlightr.features.labels import label_names
from highlightr.model_loader import opening

SMALL = HubModel("ViT-S-32", "someone/small", 384, 224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), squeezed=True)


def use_small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any name means the small model; few vectors stand for the names that are embedded."""
    monkeypatch.setattr(hub_clip, "hub_model", lambda model: SMALL)
    rows = np.random.default_rng(1).standard_normal((1000, SMALL.width)).astype(np.float32)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    monkeypatch.setattr(clip_text, "class_vectors", lambda encoder: units)
    monkeypatch.setattr(opening, "label_embeddings", lambda encoder, stream: units[: len(label_names(stream))])


def write_small_model(folder: Path) -> Path:
    """Its weights file."""
    import open_clip
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = open_clip.create_model("ViT-S-32", pretrained=None)
    path = folder / "open_clip_model.safetensors"
    save_file(network.state_dict(), path)
    return path
