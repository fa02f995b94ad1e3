"""Any model of pictures and words that open_clip has on the Hugging Face hub, such as a larger CLIP or SigLIP.

In: frames, or texts, and ``NAME/TAG`` as open_clip calls them. Out: as `ClipClasses` and `ClipText`, in the model's own
width. Pictures are prepared as the model's page says: the central square, or the whole picture squeezed into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray, Query
from highlightr.features.backbones.clip import model_config, not_had, open_clip
from highlightr.features.backbones.clip_text import BATCH_TEXTS, ClipClasses, OpenClipText, prompted
from highlightr.features.base import TextEncoder, check_query
from highlightr.media.sampling import FrameRequest

HUB = "hub:"
"""Before the repository's name in the name of a checkpoint."""


@dataclass(frozen=True)
class HubModel:
    """One training of one architecture."""

    name: str
    """The architecture, as open_clip calls it."""
    repository: str
    """On the hub."""
    width: int
    pixels: int
    """Side of the square that it takes."""
    mean: tuple[float, float, float]
    """Of colours in [0, 1], as `deviation`."""
    deviation: tuple[float, float, float]
    squeezed: bool
    """The whole picture is squeezed into the square, not its centre cut out."""

    @property
    def checkpoint(self) -> str:
        """Name of its weights for `highlightr.zoo`."""
        return f"{HUB}{self.repository}"


def hub_model(model: str | None) -> HubModel:
    """Look a model up in open_clip's own tables; nothing is fetched.

    Args:
        model: ``NAME/TAG``, such as ``ViT-L-14/laion2b_s32b_b82k``; ``NAME`` where it was trained once.

    Raises:
        ConfigError: no name, an unknown one or tag, or a name that was trained several times.
    """
    if not model:
        raise ConfigError("open-clip runs the model that a preset names, and none is named: --preset clip --model NAME")
    name, _, tag = model.partition("/")
    names = open_clip().list_models()
    if name not in names:
        like = ", ".join(get_close_matches(name, names, 4, 0.3)) or "see open_clip.list_models()"
        raise ConfigError(f"open_clip has no model {name!r}; near it: {like}")
    config, settings = model_config(name), open_clip().pretrained.get_pretrained_cfg
    tags = [each for each in open_clip().list_pretrained_tags_by_model(name) if settings(name, each).get("hf_hub")]
    if (tag or len(tags) != 1) and tag not in tags:
        known = ", ".join(f"{name}/{each}" for each in tags) or "none that lies on the hub"
        raise ConfigError(f"which training of {name}? Give one of: {known}")
    found = settings(name, tag or tags[0])
    repository = found["hf_hub"].strip("/")
    mean, deviation = tuple(found["mean"]), tuple(found["std"])
    width, pixels = config["embed_dim"], config["vision_cfg"]["image_size"]
    return HubModel(name, repository, width, pixels, mean, deviation, found["resize_mode"] == "squash")


class HubClip(ClipClasses):
    """Picture features of a model on the hub, and its posteriors over ImageNet's classes.

    Source: G. Ilharco et al., OpenCLIP, 2021; the model's own page.
    """

    name: ClassVar[str] = "open-clip"
    checkpoints: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, model: str = "", **common: Any) -> None:
        self._asked, self._hub = model, hub_model(model)
        # An instance publishes what its model has.
        self.model, self._pixels = self._hub.name, self._hub.pixels
        vars(self)["checkpoints"] = (self._hub.checkpoint,)
        vars(self)["streams"] = {"clip": self._hub.width, "imagenet": 1000}
        super().__init__(**common)

    @classmethod
    def checkpoints_for(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """That of the model."""
        return (hub_model(options.get("model")).checkpoint,)

    @property
    def request(self) -> FrameRequest:
        """As `Clip`; as stored where the whole picture is squeezed."""
        return replace(super().request, short_side=None) if self._hub.squeezed else super().request

    def _colours(self, visual: Any) -> tuple[Sequence[float], Sequence[float]]:
        del visual
        return self._hub.mean, self._hub.deviation

    def _prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
        if not self._hub.squeezed:
            return super()._prepare(image)
        from PIL import Image

        side = (self._pixels, self._pixels)
        return np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BICUBIC))

    def _text_encoder(self) -> TextEncoder:
        return self._source.text_encoder(HubText, model=self._asked)


class HubText(OpenClipText):
    """Queries in the space of `HubClip`; a query of few words is the mean of captions, as in `ClipTextPrompted`.

    Multilingual text towers take a query in any of their languages.
    """

    name: ClassVar[str] = "open-clip"
    width: ClassVar[int] = 0
    checkpoints: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, model: str = "", **opened_with: Any) -> None:
        self._hub = hub_model(model)
        vars(self).update(model=self._hub.name, checkpoints=(self._hub.checkpoint,), width=self._hub.width)
        super().__init__(**opened_with)

    @classmethod
    def checkpoints_for(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """That of the model."""
        return (hub_model(options.get("model")).checkpoint,)

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            return open_clip().get_tokenizer(self._hub.name)
        except Exception as error:
            raise not_had(f"the tokenizer of {self._hub.name}", error) from error

    def encode(self, text: str) -> Query:
        """Embed one query, one row; errors as for `ClipText.encode`."""
        check_query(text)
        vector = unit_rows(self.vectors(prompted(text)).mean(axis=0))
        return Query(text, vector[None], vector)

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), width) float32 unit vectors."""
        import torch

        made = [np.zeros((0, self.width), dtype=np.float32)]
        for start in range(0, len(texts), BATCH_TEXTS):
            ids = self._tokenizer(list(texts[start : start + BATCH_TEXTS])).to(self._source.device)
            with torch.inference_mode():
                made.append(self._network.encode_text(ids, normalize=True).float().cpu().numpy())
        return np.concatenate(made)
