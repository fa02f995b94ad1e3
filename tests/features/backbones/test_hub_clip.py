"""Models of open_clip by name: what is looked up, and a small one on random weights from pictures to scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from highlightr import model_loader
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import TimeGrid
from highlightr.features import create_extractor, create_text_encoder
from highlightr.features.backbones.clip import open_towers
from highlightr.features.backbones.hub_clip import hub_model
from highlightr.features.engines.source import NetworkSource
from highlightr.media.sampling import Frame
from highlightr.zoo import load_preset, store
from tests.features.backbones.hub import SMALL, use_small_model, write_small_model

open_clip = pytest.importorskip("open_clip")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that nobody trained stands for one that lies on the hub; few names stand for all that are embedded."""
    use_small_model(monkeypatch)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("hub"))


def test_models_are_looked_up_in_open_clips_tables() -> None:
    siglip = hub_model("ViT-B-16-SigLIP2")
    assert (siglip.repository, siglip.width, siglip.pixels, siglip.squeezed) == (
        "timm/ViT-B-16-SigLIP2",
        768,
        224,
        True,
    )
    large = hub_model("ViT-L-14/laion2b_s32b_b82k")
    assert (large.repository, large.width, large.squeezed) == ("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", 768, False)
    assert large.checkpoint == "hub:laion/CLIP-ViT-L-14-laion2B-s32B-b82K"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("ViT-L-15", "no model 'ViT-L-15'; near it: .*ViT-L-14"),
        ("ViT-L-14", "which training of ViT-L-14.*ViT-L-14/laion2b_s32b_b82k"),
        ("ViT-L-14/mine", "which training of ViT-L-14.*ViT-L-14/openai"),
        ("ViT-S-32", "none that lies on the hub"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hub_model(model)


@pytest.mark.usefixtures("small")
def test_pictures_are_prepared_as_the_model_says_and_told_in_its_width(file: Path) -> None:
    extractor: Any = create_extractor("open-clip", weights={SMALL.checkpoint: file}, model="small")
    assert extractor.streams == {"clip": 384, "imagenet": 1000}
    assert extractor.request.short_side is None
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    extraction = extractor.start(TimeGrid(1.0, 1.0))
    extraction.push(Frame(0, 0.0, image))
    streams = extraction.finish().streams
    network = open_clip.create_model("ViT-S-32", pretrained=None).eval()
    network.load_state_dict(load_file(file))
    prepare = open_clip.image_transform(
        224, is_train=False, mean=SMALL.mean, std=SMALL.deviation, resize_mode="squash", interpolation="bicubic"
    )
    with torch.inference_mode():
        wanted = network.encode_image(prepare(Image.fromarray(image))[None])[0].numpy()
    np.testing.assert_allclose(streams["clip"][0], wanted, atol=2e-3 * np.abs(wanted).max())
    assert streams["imagenet"].sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.usefixtures("small")
def test_a_short_query_is_the_mean_of_captions(file: Path) -> None:
    encoder = create_text_encoder("open-clip", weights={SMALL.checkpoint: file}, model="small")
    short = encoder.encode("a cat")
    three = encoder.vectors(["a cat", "a photo of a cat.", "a video of a cat."]).mean(axis=0)
    np.testing.assert_allclose(short.vector, three / np.linalg.norm(three), rtol=1e-5)
    sentence = "a cat sleeps on the warm roof"
    np.testing.assert_allclose(encoder.encode(sentence).vector, encoder.vectors([sentence])[0], rtol=1e-5)
    assert short.tokens.shape == (1, 384)
    assert encoder.logit_scale == pytest.approx(1 / 0.07, rel=1e-5)


@pytest.mark.usefixtures("small")
def test_the_clip_preset_runs_another_model(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "hub_file", lambda name: file)
    models = model_loader.load_models(load_preset("clip", model="small"), "cpu")
    assert models.extractors[0].name == "open-clip"
    assert models.preset.scorers["cosine"].config["image_width"] == 384
    query = models.encode("a cat")
    assert query is not None
    assert query.vector.shape == (384,)
    assert models.scorer_for("a cat").contract.streams["clip"] == 384
    (record,) = [each for each in models.weights_for("a cat") if each.name == "hub:someone/small"]
    assert record.source == "https://huggingface.co/someone/small"
    assert len(record.sha256) == 64


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def refuse(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(WeightsError, match=r"cannot fetch open_clip_model.safetensors of laion/CLIP.*no network"):
        model_loader.load_models(load_preset("clip", model="ViT-L-14/laion2b_s32b_b82k"), "cpu")


def test_without_the_name_of_a_model_there_is_none_to_open() -> None:
    with pytest.raises(ConfigError, match="open-clip runs the model that a preset names, and none is named"):
        model_loader.open_extractor("open-clip", clip_seconds=1.0)
    with pytest.raises(ConfigError, match="and none is named"):
        model_loader.open_text_encoder("open-clip", model=None)


def test_what_other_packages_refuse_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Please `pip install transformers`\nto use it")

    monkeypatch.setattr(open_clip, "create_model", refuse)
    source = NetworkSource("open-clip", "cpu", None, 0)
    with pytest.raises(
        ConfigError, match="ViT-B-32 cannot be had: Please `pip install transformers` to use it; it takes"
    ):
        open_towers(source, "hub:someone/small", "ViT-B-32")


def test_a_preset_without_clip_takes_no_model() -> None:
    with pytest.raises(ConfigError, match="--model goes with --preset clip"):
        load_preset("lite", model="ViT-L-14/openai")


def test_offline_only_what_is_here_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []

    def absent(*_: object, local_files_only: bool) -> str:
        told.append(local_files_only)
        raise OSError("not here")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", absent)
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    for word in ("", "1"):
        monkeypatch.setenv("HIGHLIGHTR_OFFLINE", word)
        with pytest.raises(WeightsError, match="not here"):
            store.hub_file("hub:someone/small")
        assert os.environ["HF_HUB_OFFLINE"] == word
    assert told == [False, True]
