"""CLIP as a classifier: which of ImageNet's classes a frame shows, told by pictures and names in one space.

In: as for `ClipLaion`. Out: `clip`, and `imagenet`, (num_clips, 1000) posteriors in the order of ImageNet's classes, so
that what reads a classifier's posteriors reads CLIP's. The name of a class stands in "a photo of a …".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray
from highlightr.features.backbones.clip import FIRST_SCALE, ClipLaion
from highlightr.features.backbones.clip_text import ClipTextLaion
from highlightr.features.base import TextEncoder
from highlightr.features.labels import kept_vectors, label_names

PROMPT = "a photo of a {}."


class ClipClasses(ClipLaion):
    """ViT-B/32 on LAION-2B, and its zero-shot posteriors: softmax over classes of scale times cosine.

    Source: A. Radford et al., ICML 2021, section 3.1.4, with one prompt and the first synonym of each class.
    """

    name: ClassVar[str] = "clip-classes"
    streams: ClassVar[Mapping[str, int]] = {"clip": 512, "imagenet": 1000}

    def _open(self) -> None:
        super()._open()
        self._scale = math.exp(self._source.number(self.checkpoints[0], "logit_scale", random=FIRST_SCALE))
        self._classes = class_vectors(self._text_encoder())

    def _text_encoder(self) -> TextEncoder:
        return self._source.text_encoder(ClipTextLaion)

    def _forward(self, pictures: npt.NDArray[np.generic]) -> Mapping[str, FloatArray]:
        rows = super()._forward(pictures)["clip"]
        logits = self._scale * (unit_rows(rows) @ self._classes.T)
        likely: Any = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {"clip": rows, "imagenet": likely / likely.sum(axis=1, keepdims=True)}


def class_vectors(encoder: TextEncoder) -> FloatArray:
    """(1000, width) float32 unit vectors of the prompts; made once per encoder and kept in `home_folder()`."""
    prompts = [PROMPT.format(name.partition(",")[0]) for name in label_names("imagenet")]
    key = hashlib.sha256("\n".join((encoder.sha256, *prompts)).encode()).hexdigest()
    name, shape = f"prompts-{encoder.name}-{key[:12]}", (len(prompts), encoder.width)
    return kept_vectors(name, shape, lambda: encoder.vectors(prompts))
