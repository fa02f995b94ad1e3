"""CLIP's texts, through open_clip: queries in the space of its pictures (`clip`), and pictures told by texts.

In: a text in English. Out: a `Query` with a row per token, start and end included, and the projected text as a unit
vector. Also frames in, and beside `clip` posteriors in the order of ImageNet's classes out, `imagenet`, so that what
reads a classifier's posteriors reads CLIP's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.hashing import file_sha256
from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray, Query
from highlightr.features.backbones.clip import Clip, ClipLaion, logit_scale, open_clip, open_towers
from highlightr.features.base import TextEncoder, check_query
from highlightr.features.engines.source import NetworkSource
from highlightr.features.labels import kept_vectors, label_names

if TYPE_CHECKING:
    import torch

BATCH_TEXTS = 64

PROMPTS = ("{}", "a photo of {}.", "a video of {}.")
"""What a query of at most `_FEW_WORDS` words is put into; longer ones are sentences already."""

_FEW_WORDS = 3

PROMPT = "a photo of a {}."
"""What the name of a class stands in."""


class OpenClipText(TextEncoder):
    """A text tower of open_clip, opened with the first text, because label vectors are often kept already."""

    packages: ClassVar[tuple[str, ...]] = Clip.packages
    model: ClassVar[str]
    """As open_clip calls it."""

    def __init__(
        self, *, device: str = "cpu", weights: Mapping[str, Path] | None = None, random_seed: int | None = None
    ) -> None:
        self._source = source = NetworkSource(f"text encoder {self.name}", device, weights, random_seed)
        checkpoint = self.checkpoints[0]
        # Label vectors are kept under the hash of the encoder that made them.
        self.sha256 = f"random, seed {source.seed}" if source.random else file_sha256(source.path(checkpoint))
        self.logit_scale = logit_scale(source, checkpoint)

    @cached_property
    def _network(self) -> Any:
        towers = open_towers(self._source, self.checkpoints[0], self.model)
        del towers.visual
        return towers


class ClipText(OpenClipText):
    """Tokens and vector of OpenAI's ViT-B/32: the text of QVHighlights, TVSum and YouTube Highlights in the papers.

    A token's row is the text tower's after its last layer norm, before the projection; the vector is the projected
    row of the end token, unit length.

    Source: A. Radford et al., ICML 2021; token features as in Moment-DETR and UMT, padding left out.
    """

    name: ClassVar[str] = "clip"
    width: ClassVar[int] = 512
    checkpoints: ClassVar[tuple[str, ...]] = Clip.checkpoints
    model: ClassVar[str] = Clip.model

    def encode(self, text: str) -> Query:
        """Embed one query; a `ConfigError` for an empty one."""
        check_query(text)
        tokens, vectors = self._run(_tokenizer()([text]))
        return Query(text=text, tokens=tokens[0], vector=vectors[0])

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), 512) float32 unit vectors; texts of like length share a batch."""
        made = np.zeros((len(texts), self.width), dtype=np.float32)
        if not texts:
            return made
        ids = _tokenizer()(list(texts))
        order = ids.argmax(dim=1).argsort(stable=True)
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = order[start : start + BATCH_TEXTS]
            made[batch.numpy()] = self._run(ids[batch])[1]
        return made

    def _run(self, ids: torch.Tensor) -> tuple[FloatArray, FloatArray]:
        """(n, longest, 512) token rows and (n, 512) unit vectors for (n, 77) ids.

        A token sees only those before it, so padding beyond the longest text changes nothing and is left out.
        """
        import torch

        network, device = self._network, self._source.device
        # The end token has the highest number, and padding comes after it.
        ends = ids.argmax(dim=1)
        longest = int(ends.max()) + 1
        with torch.inference_mode():
            x = network.token_embedding(ids[:, :longest].to(device)) + network.positional_embedding[:longest]
            rows = network.ln_final(network.transformer(x, attn_mask=network.attn_mask[:longest, :longest]))
            vectors = rows[torch.arange(len(rows)), ends.to(device)] @ network.text_projection
            units = torch.nn.functional.normalize(vectors, dim=-1)
        return rows.cpu().numpy(), units.cpu().numpy()


class ClipTextLaion(ClipText):
    """Tokens and vector of ViT-B/32 trained on LAION-2B; otherwise as `ClipText`."""

    name: ClassVar[str] = "clip-laion"
    checkpoints: ClassVar[tuple[str, ...]] = ClipLaion.checkpoints
    model: ClassVar[str] = ClipLaion.model


class ClipTextPrompted(ClipTextLaion):
    """ViT-B/32 on LAION-2B for people's queries: a query of few words is the mean of the captions it could stand in.

    Source: A. Radford et al., ICML 2021, section 3.1.4: names alone are rare among captions; prompts are averaged.
    """

    name: ClassVar[str] = "clip-prompted"

    def encode(self, text: str) -> Query:
        """Embed one query; errors as for `ClipText.encode`."""
        query = super().encode(text)
        return replace(query, vector=unit_rows(self.vectors(prompted(text)).mean(axis=0)))


def prompted(text: str) -> list[str]:
    """The captions that a query could stand in: `PROMPTS` for one of few words, else itself."""
    return [prompt.format(text.strip()) for prompt in PROMPTS] if len(text.split()) <= _FEW_WORDS else [text]


@cache
def _tokenizer() -> Any:
    # The vocabulary comes with open_clip; both models share it.
    return open_clip().get_tokenizer(ClipLaion.model)


class ClipClasses(ClipLaion):
    """ViT-B/32 on LAION-2B, and its zero-shot posteriors: softmax over classes of scale times cosine.

    Source: A. Radford et al., ICML 2021, section 3.1.4, with one prompt and the first synonym of each class.
    """

    name: ClassVar[str] = "clip-classes"
    streams: ClassVar[Mapping[str, int]] = {"clip": 512, "imagenet": 1000}

    def _open(self) -> None:
        super()._open()
        self._scale = logit_scale(self._source, self.checkpoints[0])
        self._classes = class_vectors(self._text_encoder())

    def _text_encoder(self) -> TextEncoder:
        return self._source.text_encoder(ClipTextLaion)

    def _forward(self, inputs: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        rows = super()._forward(inputs)["clip"]
        logits = self._scale * (unit_rows(rows) @ self._classes.T)
        likely: Any = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {"clip": rows, "imagenet": likely / likely.sum(axis=1, keepdims=True)}


def class_vectors(encoder: TextEncoder) -> FloatArray:
    """(1000, width) float32 unit vectors of the prompts; made once per encoder and kept in `home_folder()`."""
    prompts = [PROMPT.format(name.partition(",")[0]) for name in label_names("imagenet")]
    key = hashlib.sha256("\n".join((encoder.sha256, *prompts)).encode()).hexdigest()
    name, shape = f"prompts-{encoder.name}-{key[:12]}", (len(prompts), encoder.width)
    return kept_vectors(name, shape, lambda: encoder.vectors(prompts))
