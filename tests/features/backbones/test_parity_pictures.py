"""Inception and CLIP against the libraries' own forward on shared random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor, create_extractor, create_text_encoder
from highlightr.features.backbones.clip_text import class_vectors
from highlightr.features.backbones.inception import dequantise, quantise, squeeze
from highlightr.features.engines.checkpoint import randomise, without_initialisation
from highlightr.media.sampling import Frame

Pixels = npt.NDArray[np.uint8]

PCA = {
    "mean": torch.randn(2048, 1, generator=torch.Generator().manual_seed(1)),
    "eigenvals": torch.rand(2048, 1, generator=torch.Generator().manual_seed(2)),
    "eigenvecs": torch.randn(2048, 2048, generator=torch.Generator().manual_seed(3)) / 45,
}
"""As in YouTube-8M's archive: an eigenvector per row, more of them than are used."""


def picture(height: int, width: int) -> Pixels:
    small = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def row(extractor: Extractor, image: Pixels) -> Mapping[str, FloatArray]:
    extraction = extractor.start(TimeGrid(1.0, 1.0))
    extraction.push(Frame(0, 0.0, image))
    return {name: values[0] for name, values in extraction.finish().streams.items()}


def close(ours: FloatArray, theirs: npt.ArrayLike) -> None:
    expected = np.asarray(theirs).ravel()
    assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()


def saved(path: Path, tensors: Mapping[str, torch.Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def inception(classes: int) -> Any:
    with without_initialisation():
        network = torchvision.models.Inception3(num_classes=classes, aux_logits=True, init_weights=False)
    randomise(network, seed=4)
    return network.eval()


@torch.inference_mode()
def test_inception_imagenet_equals_torchvision_and_the_plain_projection(tmp_path: Path) -> None:
    network = inception(1000)
    paths = {
        "inception-v3-imagenet": saved(tmp_path / "net.safetensors", network.state_dict()),
        "yt8m-pca": saved(tmp_path / "pca.safetensors", PCA),
    }
    image = picture(342, 608)
    transform = torchvision.models.Inception_V3_Weights.IMAGENET1K_V1.transforms()
    network.fc, network.transform_input = nn.Identity(), True
    pooled = network(transform(Image.fromarray(image))[None])[0].numpy()
    ours = row(create_extractor("inception-imagenet", weights=paths), image)["inception-imagenet"]
    close(ours, PCA["eigenvecs"].numpy()[:1024] @ pooled)


@torch.inference_mode()
def test_inception_yt8m_equals_the_2015_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's forward with TensorFlow's pools put under it, then google/youtube-8m's own lines in numpy."""
    network = inception(1008)
    paths = {
        "inception-2015": saved(
            tmp_path / "net.safetensors",
            {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("AuxLogits.")},
        ),
        "yt8m-pca": saved(tmp_path / "pca.safetensors", PCA),
    }
    image = picture(180, 320)
    extractor = create_extractor("inception-yt8m", weights=paths)
    coded = row(extractor, image)["inception-yt8m"]
    with monkeypatch.context() as patched:
        for name in ("quantise", "dequantise"):
            patched.setattr(f"highlightr.features.backbones.inception.{name}", lambda rows: rows)
        ours = row(extractor, image)["inception-yt8m"]

    calls = []

    def pool(x: torch.Tensor, **options: Any) -> torch.Tensor:
        calls.append(options)
        if len(calls) == 9:
            return functional.max_pool2d(x, kernel_size=3, stride=1, padding=1)
        return nn.functional.avg_pool2d(x, count_include_pad=False, **options)

    network.fc, network.AuxLogits = nn.Identity(), None
    inputs = torch.from_numpy(squeeze(image, 299)).permute(2, 0, 1)[None]
    with monkeypatch.context() as patched:
        patched.setattr(torchvision.models.inception.F, "avg_pool2d", _unbound(pool, functional.avg_pool2d))
        pooled = network((inputs - 128) / 128)[0].numpy()
    assert len(calls) == 9
    centred = pooled - PCA["mean"].numpy()[:, 0]
    projected = centred.reshape(1, 2048).dot(PCA["eigenvecs"].numpy().T[:, :1024]).reshape(1024)
    whitened = projected / np.sqrt(PCA["eigenvals"].numpy()[:1024, 0] + 1e-4)
    close(ours, whitened)
    assert np.abs(coded - np.clip(ours, -2, 2)).max() <= 4 / 255


def _unbound(pool: Any, original: Any) -> Any:
    """`functional.avg_pool2d` while the patch is on must not call itself."""
    inside = False

    def call(x: torch.Tensor, **options: Any) -> Any:
        nonlocal inside
        if inside:
            return original(x, **options)
        inside = True
        try:
            return pool(x, **options)
        finally:
            inside = False

    return call


def test_squeeze_is_tensorflow_1_bilinear() -> None:
    """By hand: output i reads the input at i * 4 / 6, without a half pixel."""
    ramp = np.repeat(np.array([0, 30, 60, 90], np.uint8)[None, :, None], 4, axis=0).repeat(3, axis=2)
    made = squeeze(ramp, 6)
    np.testing.assert_allclose(made[0, :, 0], [0, 20, 40, 60, 80, 90], atol=1e-4)
    np.testing.assert_allclose(made[:, 0, 0], 0, atol=1e-4)
    assert made.shape == (6, 6, 3)


def test_eight_bits_and_back() -> None:
    """google/youtube-8m: -2 and 2 are codes 0 and 255, and reading adds half a step of 4 / 256."""
    codes = quantise(np.array([-9.0, -2.0, 0.0, 1.0, 2.0, 9.0], np.float32))
    assert codes.tolist() == [0, 0, 128, 191, 255, 255]
    np.testing.assert_allclose(dequantise(codes), codes.astype(np.float64) * 4 / 255 + 4 / 512 - 2, atol=1e-6)


CLIPS = {"clip": "ViT-B-32-quickgelu", "clip-laion": "ViT-B-32"}
BOTH_CLIPS = ["clip", pytest.param("clip-laion", marks=pytest.mark.slow)]


def empty_clip(model: str) -> Any:
    with without_initialisation():
        return open_clip.create_model(model, pretrained=None).eval()


@cache
def network_of(name: str) -> Any:
    network = empty_clip(CLIPS[name])
    randomise(network, seed=5)
    return network


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """The weights of `network_of`, written once: they have 600 MB."""

    @cache
    def of(name: str) -> dict[str, Path]:
        checkpoint = {"clip": "clip-vit-b32-openai", "clip-laion": "clip-vit-b32-laion2b"}[name]
        path = tmp_path_factory.mktemp(name) / "clip.safetensors"
        return {checkpoint: saved(path, network_of(name).state_dict())}

    return of


@torch.inference_mode()
@pytest.mark.parametrize("name", BOTH_CLIPS)
def test_pictures_equal_open_clip(weights: Any, name: str) -> None:
    network, image = network_of(name), picture(224, 398)
    transform: Any = open_clip.image_transform(224, False, network.visual.image_mean, network.visual.image_std)
    theirs = network.encode_image(transform(Image.fromarray(image))[None])
    extractor = create_extractor(name, clip_seconds=1.0, weights=weights(name))
    close(row(extractor, image)["clip"], theirs)


@torch.inference_mode()
@pytest.mark.parametrize("name", BOTH_CLIPS)
def test_text_equals_open_clip(weights: Any, name: str) -> None:
    network, text = network_of(name), "a dog runs over the grass"
    encoder = create_text_encoder(name, weights=weights(name))
    ids = open_clip.get_tokenizer("ViT-B-32")([text])
    rows: list[torch.Tensor] = []
    network.ln_final.register_forward_hook(lambda _module, _inputs, made: rows.append(made))
    vector = network.encode_text(ids, normalize=True)
    query = encoder.encode(text)
    assert query.tokens.shape == (8, 512)
    close(query.tokens.ravel(), rows[0][0, :8].numpy())
    close(query.vector, vector)
    many = encoder.vectors([text, "cat", "a much longer sentence about a boat on a river in the evening sun"])
    close(many[0], vector)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, rtol=1e-5)
    assert encoder.vectors([]).shape == (0, 512)


def test_openai_needs_its_own_activation() -> None:
    """The plain model on the same tensors gives other numbers, which open_clip only warns about."""
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    plain = empty_clip("ViT-B-32")
    plain.load_state_dict(network_of("clip").state_dict())
    with torch.inference_mode():
        one, other = network_of("clip").encode_image(image), plain.encode_image(image)
    assert (one - other).abs().max() > 1e-3 * one.abs().max()


def test_half_precision_and_openais_three_numbers_load(tmp_path: Path) -> None:
    network = network_of("clip")
    state = {name: tensor.half() for name, tensor in network.state_dict().items()}
    beside = {name: torch.tensor(1) for name in ("input_resolution", "context_length", "vocab_size")}
    path = saved(tmp_path / "clip.safetensors", state | beside)
    encoder: Any = create_text_encoder("clip", weights={"clip-vit-b32-openai": path})
    assert encoder.encode("a boat").vector.dtype == np.float32
    assert len(encoder.sha256) == 64


def test_an_empty_query_is_refused() -> None:
    with pytest.raises(ConfigError, match="the query is empty"):
        create_text_encoder("clip", random_seed=0).encode("  ")


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "clip.safetensors", network_of("clip").transformer.state_dict())
    with pytest.raises(WeightsError, match="the weights clip-vit-b32-openai do not fit the network"):
        create_extractor("clip", weights={"clip-vit-b32-openai": path})


@pytest.mark.slow
def test_classes_are_a_softmax_over_prompts(weights: Any) -> None:
    paths, image = weights("clip-laion"), picture(224, 300)
    made = row(create_extractor("clip-classes", clip_seconds=1.0, weights=paths), image)
    vectors = class_vectors(create_text_encoder("clip-laion", weights=paths))  # type: ignore[arg-type]
    again = class_vectors(create_text_encoder("clip-laion", weights=paths))  # type: ignore[arg-type]
    np.testing.assert_array_equal(vectors, again)
    first = create_text_encoder("clip-laion", weights=paths).encode("a photo of a tench.").vector
    close(vectors[0], first)
    unit = made["clip"] / np.linalg.norm(made["clip"])
    logits = torch.from_numpy(float(network_of("clip-laion").logit_scale.exp().detach()) * vectors @ unit)
    close(made["imagenet"], logits.softmax(dim=0))
