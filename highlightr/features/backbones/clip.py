"""CLIP's pictures, through open_clip; its texts, in the same space, are in `clip_text`.

In: one frame per clip. Out: `clip`, (num_clips, width) projected picture features, not normalised. Two checkpoints of
ViT-B/32: OpenAI's, which the papers' features were made with, and LAION-2B's, which is open.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.features.backbones.base import Backbone, quiet_import
from highlightr.features.backbones.pictures import PictureBackbone, central_square, frames_per_clip, noise
from highlightr.features.engines.checkpoint import State
from highlightr.features.engines.network import Network
from highlightr.features.engines.source import NetworkSource
from highlightr.media.sampling import FrameRequest

if TYPE_CHECKING:
    import torch

_BEFORE_MIDDLE_SECONDS = 1e-4
"""Less than a frame of any video lasts, and more than containers round its time by."""


class Clip(PictureBackbone):
    """Picture features of OpenAI's ViT-B/32: the CLIP of QVHighlights.

    Shorter side 224 (bicubic), central 224, CLIP's own mean and deviation. One frame per clip, the last that begins
    before its middle, which is what ffmpeg's ``fps=1/2`` picks in HERO and Lighthouse; clips of more than 2 s have one
    for every 2 s, averaged.

    Source: A. Radford et al., ICML 2021; HERO_Video_Feature_Extractor, Lighthouse.
    """

    name: ClassVar[str] = "clip"
    batch: ClassVar[Mapping[str, int]] = {"cpu": 8, "cuda": 128}
    streams: ClassVar[Mapping[str, int]] = {"clip": 512}
    checkpoints: ClassVar[tuple[str, ...]] = ("clip-vit-b32-openai",)
    packages: ClassVar[tuple[str, ...]] = (*Backbone.packages, "open_clip")
    model: str = "ViT-B-32-quickgelu"
    """As open_clip calls it. OpenAI trained with an approximation of GELU; in the plain model its weights give other
    numbers."""
    _pixels: int = 224

    def _open(self) -> None:
        source = self._source
        checkpoint, model = self.checkpoints[0], self.model

        def build() -> torch.nn.Module:
            from highlightr.features.backbones.wrappers import Normalised

            visual = open_towers(source, checkpoint, model).visual
            mean, deviation = ([255 * value for value in each] for each in self._colours(visual))
            return Normalised(visual, mean, deviation)

        name, example = f"clip-{self.model.lower()}", noise(2, self._pixels)
        self._network = Network(source, name, self.checkpoints, build, example, batch=self.batch["cpu"])

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


class ClipLaion(Clip):
    """Picture features of ViT-B/32 trained on LAION-2B (tag laion2b_s34b_b79k); otherwise as `Clip`.

    Source: M. Cherti et al., CVPR 2023.
    """

    name: ClassVar[str] = "clip-laion"
    checkpoints: ClassVar[tuple[str, ...]] = ("clip-vit-b32-laion2b",)
    model = "ViT-B-32"


def model_config(model: str) -> dict[str, Any]:
    """open_clip's description of a model; a `ConfigError` if it is unknown or its input is not one square."""
    package = open_clip()
    config = package.get_model_config(model)
    if config is None:
        raise ConfigError(f"open_clip has no model {model!r}; `open_clip.list_models()` names those it has")
    if not isinstance(config["vision_cfg"].get("image_size"), int):
        raise ConfigError(f"model {model!r} takes pictures that are not square; take another")
    return dict(config)


def logit_scale(source: NetworkSource, checkpoint: str) -> float:
    """What a model multiplies cosines with; on random weights where it starts, A. Radford et al., section 2.5."""
    return math.exp(source.number(checkpoint, "logit_scale", random=math.log(1 / 0.07)))


def open_towers(source: NetworkSource, checkpoint: str, model: str) -> Any:
    """Both towers of a model; a `WeightsError` where the file does not fit."""
    package = open_clip()

    def build() -> Any:
        # Without a tag nothing is looked up on the network, and a warning says that the weights are random.
        root = logging.getLogger()
        root.addFilter(_not_about_weights)
        try:
            return package.create_model(model, pretrained=None, device="cpu")
        except Exception as error:
            raise not_had(model, error) from error
        finally:
            root.removeFilter(_not_about_weights)

    return source.open(checkpoint, build, _tensors)


def not_had(what: str, error: Exception) -> ConfigError:
    """The error of what open_clip has from other packages, which raise classes of their own."""
    reason = " ".join(str(error).split())[:200]
    return ConfigError(f"{what} cannot be had: {reason}; it takes transformers, and the hub once")


def _not_about_weights(record: logging.LogRecord) -> bool:
    return "No pretrained weights loaded" not in record.getMessage()


def _tensors(state: State) -> State:
    """In single precision, without the three numbers that OpenAI's archive keeps beside the tensors."""
    beside = ("input_resolution", "context_length", "vocab_size")
    return {name: tensor.float() for name, tensor in state.items() if name not in beside}


def open_clip() -> Any:
    """The package."""
    return quiet_import("open_clip")
