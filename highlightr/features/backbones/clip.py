"""CLIP through open_clip: pictures and queries in one space.

In: one frame per clip (pictures), or a text in English. Out: `clip`, (num_clips, width) projected picture features,
not normalised; or a `Query` with a row per token, start and end included, and the projected text as a unit vector.
Two checkpoints of ViT-B/32: OpenAI's, which the papers' features were made with, and LAION-2B's, which is open.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.hashing import file_sha256
from highlightr.core.types import FloatArray, Query
from highlightr.features.backbones.base import Backbone, BackboneOptions, require
from highlightr.features.backbones.pictures import PictureBackbone, frames_per_clip, noise
from highlightr.features.backbones.transforms import central_square
from highlightr.features.base import TextEncoder, check_query
from highlightr.features.engines.checkpoint import State
from highlightr.features.engines.source import NetworkSource
from highlightr.media.sampling import FrameRequest

if TYPE_CHECKING:
    import torch

OPENAI, LAION = "clip-vit-b32-openai", "clip-vit-b32-laion2b"

OPENAI_MODEL, LAION_MODEL = "ViT-B-32-quickgelu", "ViT-B-32"
"""OpenAI trained with an approximation of GELU; in the plain model its weights give other numbers."""

VIT_B_32_PIXELS = 224

BATCH_TEXTS = 64

FIRST_SCALE = math.log(1 / 0.07)
"""Where the logarithm of the scale starts, A. Radford et al., section 2.5: for random weights."""

PROMPTS = ("{}", "a photo of {}.", "a video of {}.")
"""What a query of at most `_FEW_WORDS` words is put into; longer ones are sentences already."""

_FEW_WORDS = 3

_BEFORE_MIDDLE_SECONDS = 1e-4
"""Less than a frame of any video lasts, and more than containers round its time by."""


class Clip(PictureBackbone):
    """Picture features of OpenAI's ViT-B/32: the CLIP of QVHighlights.

    Shorter side 224 (bicubic), central 224, CLIP's own mean and deviation. One frame per clip, the last that begins
    before its middle, which is what ffmpeg's ``fps=1/2`` picks in HERO and Lighthouse; clips of more than 2 s have one
    for every 2 s, averaged.

    `model` is any name of open_clip whose image tower takes a square; then `weights` maps `clip-vit-b32-openai` to a
    file of that model's tensors, whatever its tag.

    Source: A. Radford et al., ICML 2021; HERO_Video_Feature_Extractor, Lighthouse.
    """

    name: ClassVar[str] = "clip"
    batch: ClassVar[Mapping[str, int]] = {"cpu": 8, "cuda": 128}
    streams: ClassVar[Mapping[str, int]] = {"clip": 512}
    checkpoints: ClassVar[tuple[str, ...]] = (OPENAI,)
    packages: ClassVar[tuple[str, ...]] = (*Backbone.packages, "open_clip")
    default_model: ClassVar[str] = OPENAI_MODEL

    def __init__(self, *, model: str | None = None, **common: Unpack[BackboneOptions]) -> None:
        self._model = model or self.default_model
        self._pixels = VIT_B_32_PIXELS
        if self._model != self.default_model:
            # Another model has another width, so the instance publishes its own.
            config = model_config(self._model)
            self._pixels = config["vision_cfg"]["image_size"]
            vars(self)["streams"] = {"clip": config["embed_dim"]}
        super().__init__(**common)

    def _open(self) -> None:
        source = self._source
        checkpoint, model = self.checkpoints[0], self._model

        def build() -> torch.nn.Module:
            from highlightr.features.backbones.wrappers import Normalised

            visual = open_towers(source, checkpoint, model).visual
            mean, deviation = ([255 * value for value in each] for each in self._colours(visual))
            return Normalised(visual, mean, deviation)

        name, example = f"clip-{self._model.lower()}", noise(2, self._pixels)
        self._network = source.network(name, self.checkpoints, build, example, batch=self.batch["cpu"])

    @property
    def request(self) -> FrameRequest:
        """One frame per clip, or for every 2 s of a longer one."""
        rate = frames_per_clip(self._clip_seconds, 0.5) / self._clip_seconds
        return FrameRequest(rate, self._pixels, _BEFORE_MIDDLE_SECONDS)

    def _colours(self, visual: Any) -> tuple[Sequence[float], Sequence[float]]:
        """Mean and deviation of colours in [0, 1]."""
        return visual.image_mean, visual.image_std

    def _prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
        return central_square(image, self._pixels)

    def _forward(self, pictures: npt.NDArray[np.generic]) -> Mapping[str, FloatArray]:
        return {"clip": self._network(pictures)}


class ClipLaion(Clip):
    """Picture features of ViT-B/32 trained on LAION-2B (tag laion2b_s34b_b79k); otherwise as `Clip`.

    Source: M. Cherti et al., CVPR 2023.
    """

    name: ClassVar[str] = "clip-laion"
    checkpoints: ClassVar[tuple[str, ...]] = (LAION,)
    default_model: ClassVar[str] = LAION_MODEL


class OpenClipText(TextEncoder):
    """A text tower of open_clip, opened with the first text, because label vectors are often kept already."""

    longest_tokens: ClassVar[int] = 77
    packages: ClassVar[tuple[str, ...]] = Clip.packages

    def __init__(self, source: NetworkSource, checkpoint: str, model: str) -> None:
        self._source, self._checkpoint, self._model = source, checkpoint, model
        # Label vectors are kept under the hash of the encoder that made them.
        self.sha256 = f"random, seed {source.seed}" if source.random else file_sha256(source.path(checkpoint))
        self.logit_scale = math.exp(source.number(checkpoint, "logit_scale", random=FIRST_SCALE))

    @cached_property
    def _network(self) -> Any:
        towers = open_towers(self._source, self._checkpoint, self._model)
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
    checkpoints: ClassVar[tuple[str, ...]] = (OPENAI,)
    default_model: ClassVar[str] = OPENAI_MODEL

    def __init__(
        self,
        *,
        device: str = "cpu",
        weights: Mapping[str, Path] | None = None,
        random_seed: int | None = None,
    ) -> None:
        if find_spec("open_clip") is None:
            open_clip()
        source = NetworkSource(f"text encoder {self.name}", device, weights, random_seed)
        super().__init__(source, self.checkpoints[0], self.default_model)

    def encode(self, text: str) -> Query:
        """Embed one query.

        Raises:
            ConfigError: an empty query.
        """
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
    checkpoints: ClassVar[tuple[str, ...]] = (LAION,)
    default_model: ClassVar[str] = LAION_MODEL


class ClipTextPrompted(ClipTextLaion):
    """ViT-B/32 on LAION-2B for people's queries: a query of few words is the mean of the captions it could stand in.

    Source: A. Radford et al., ICML 2021, section 3.1.4: names alone are rare among captions; prompts are averaged.
    """

    name: ClassVar[str] = "clip-prompted"

    def encode(self, text: str) -> Query:
        """Embed one query; errors as for `ClipText.encode`."""
        query = super().encode(text)
        mean = self.vectors(prompted(text)).mean(axis=0)
        return replace(query, vector=mean / np.linalg.norm(mean))


def prompted(text: str) -> list[str]:
    """The captions that a query could stand in: `PROMPTS` for one of few words, else itself."""
    return [prompt.format(text.strip()) for prompt in PROMPTS] if len(text.split()) <= _FEW_WORDS else [text]


def model_config(model: str) -> dict[str, Any]:
    """open_clip's description of a model.

    Raises:
        ConfigError: an unknown model, or one whose input is not one square.
    """
    package = open_clip()
    config = package.get_model_config(model)
    if config is None:
        raise ConfigError(f"open_clip has no model {model!r}; `open_clip.list_models()` names those it has")
    if not isinstance(config["vision_cfg"].get("image_size"), int):
        raise ConfigError(f"model {model!r} takes pictures that are not square; take another")
    return dict(config)


def open_towers(source: NetworkSource, checkpoint: str, model: str) -> Any:
    """Both towers of a model.

    Raises:
        ConfigError: open_clip is not installed.
        WeightsError: the file does not fit.
    """
    package = open_clip()

    def build() -> Any:
        # Without a tag nothing is looked up on the network, and a warning says that the weights are random.
        root = logging.getLogger()
        root.addFilter(_not_about_weights)
        try:
            return package.create_model(model, pretrained=None, device="cpu")
        finally:
            root.removeFilter(_not_about_weights)

    return source.open(checkpoint, build, _tensors)


def _not_about_weights(record: logging.LogRecord) -> bool:
    return "No pretrained weights loaded" not in record.getMessage()


def _tensors(state: State) -> State:
    """In single precision, without the three numbers that OpenAI's archive keeps beside the tensors."""
    beside = ("input_resolution", "context_length", "vocab_size")
    return {name: tensor.float() for name, tensor in state.items() if name not in beside}


@cache
def _tokenizer() -> Any:
    # The vocabulary comes with open_clip; both models share it.
    return open_clip().get_tokenizer(LAION_MODEL)


def open_clip() -> Any:
    """The package.

    Raises:
        ConfigError: it is not installed.
    """
    return require("open_clip", "clip", "open_clip_torch")
