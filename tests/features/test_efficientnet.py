from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.labels import label_names
from highlightr.features.lite.efficientnet import EfficientNetLite0, preprocess
from highlightr.media.sampling import Frame
from tests import opened

data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def extractor() -> EfficientNetLite0:
    return opened.extractor("efficientnet_lite0")  # type: ignore[no-any-return]


def streams(extractor: EfficientNetLite0, images: list[Any], num_clips: int = 1) -> dict[str, FloatArray]:
    extraction = extractor.start(TimeGrid(float(num_clips), 1.0))
    for index, image in enumerate(images):
        extraction.push(Frame(index, float(index), image))
    return dict(extraction.finish().streams)


def best(posteriors: FloatArray, count: int) -> set[str]:
    return {label_names("imagenet")[index] for index in posteriors.argsort()[::-1][:count]}


@pytest.mark.parametrize(
    ("picture", "accepted"),
    [
        ("chelsea", {"tiger cat", "Egyptian cat", "tabby, tabby cat"}),
        ("coffee", {"espresso", "cup"}),
        ("rocket", {"missile", "projectile, missile", "space shuttle"}),
    ],
)
def test_photographs_are_what_they_show(extractor: EfficientNetLite0, picture: str, accepted: set[str]) -> None:
    posteriors = streams(extractor, [getattr(data, picture)()])["imagenet"][0]
    assert posteriors.sum() == pytest.approx(1.0, abs=1e-5)
    assert best(posteriors, 1) <= accepted
    share = sum(posteriors[label_names("imagenet").index(name)] for name in accepted)
    assert share > 0.4


def test_shipped_weights_make_what_the_published_ones_make(extractor: EfficientNetLite0) -> None:
    from research.efficientnet_network import efficientnet_module

    images = [data.chelsea(), data.coffee(), data.rocket(), data.astronaut()]
    made = streams(extractor, images, 4)
    with torch.inference_mode():
        wanted = efficientnet_module()(torch.from_numpy(np.stack([preprocess(image) for image in images])))
    pooled, posteriors = (each.numpy() for each in wanted)
    lengths = np.linalg.norm(pooled, axis=1) * np.linalg.norm(made["efficientnet_lite0"], axis=1)
    assert ((pooled * made["efficientnet_lite0"]).sum(axis=1) / lengths).min() > 0.9995
    assert np.abs(posteriors - made["imagenet"]).max() < 0.02
    assert (posteriors.argmax(axis=1) == made["imagenet"].argmax(axis=1)).all()


def test_without_weights_it_says_so() -> None:
    with pytest.raises(WeightsError, match="efficientnet_lite0 was opened without the weights efficientnet_lite0"):
        EfficientNetLite0().load()


def test_a_frame_per_clip_is_asked_for() -> None:
    assert opened.extractor("efficientnet_lite0", clip_seconds=0.5).request.frames_per_second == 2.0


def test_frames_after_the_last_clip_belong_to_it(extractor: EfficientNetLite0) -> None:
    apart = streams(extractor, [data.chelsea(), data.coffee()], 2)["imagenet"]
    clamped = streams(extractor, [data.chelsea(), data.coffee()], 1)["imagenet"]
    np.testing.assert_allclose(clamped[0], apart.mean(axis=0), atol=1e-6)


def test_more_frames_than_a_batch_keep_their_order(extractor: EfficientNetLite0) -> None:
    images = [data.coffee() if index == 10 else data.chelsea() for index in range(13)]
    posteriors = streams(extractor, images, 13)["imagenet"]
    assert [index for index, row in enumerate(posteriors) if best(row, 1) == {"espresso"}] == [10]


def test_a_grid_of_other_clips_is_refused(extractor: EfficientNetLite0) -> None:
    with pytest.raises(ConfigError, match=r"opened for clips of 1\.0 s, the grid has 2\.0 s"):
        extractor.start(TimeGrid(4.0, 2.0))


def gradient(height: int, width: int) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, rows * 0], axis=2).astype(np.uint8)


def test_a_frame_of_the_requests_size_is_only_cropped() -> None:
    image = gradient(256, 455)
    np.testing.assert_array_equal(preprocess(image), image[16:240, 115:339])


def test_other_sizes_show_the_same_part() -> None:
    small, large = preprocess(gradient(256, 455)).astype(int), preprocess(gradient(720, 1280)).astype(int)
    assert np.abs(small - large).max() <= 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (3, 2), (5000, 7)])
def test_odd_shapes_become_one_patch(shape: tuple[int, int]) -> None:
    assert preprocess(np.full((*shape, 3), 77, dtype=np.uint8)).shape == (224, 224, 3)
    assert (preprocess(np.full((*shape, 3), 77, dtype=np.uint8)) == 77).all()


def test_a_picture_that_stands_for_others_gives_way_to_the_next_one(extractor: EfficientNetLite0) -> None:
    looks = [data.chelsea(), data.coffee(), data.rocket()]
    alone = [streams(extractor, [look])["imagenet"][0] for look in looks]
    extraction = extractor.start(TimeGrid(6.0, 1.0))
    # Two calm stretches of 2 s, the second followed by pictures that begin later than it ends.
    for index, (time, look, unseen) in enumerate(
        [(0.0, 0, 2.0), (0.0, 0, 2.0), (2.0, 1, 2.0), (2.0, 1, 2.0), (4.48, 2, 0.0), (4.48, 2, 0.0)]
    ):
        extraction.push(Frame(index, time, looks[look], unseen))
    made = extraction.finish().streams["imagenet"]
    for clip, weights in enumerate([(0.75, 0.25), (0.25, 0.75), (0, 1), (0, 1), (0, 0, 1), (0, 0, 1)]):
        wanted = sum(weight * row for weight, row in zip(weights, alone, strict=False))
        np.testing.assert_allclose(made[clip], wanted, atol=2e-3)


def test_a_picture_before_a_cut_gives_way_to_nothing(extractor: EfficientNetLite0) -> None:
    looks = [data.chelsea(), data.rocket()]
    alone = [streams(extractor, [look])["imagenet"][0] for look in looks]
    extraction = extractor.start(TimeGrid(4.0, 1.0))
    for index, (time, look, unseen) in enumerate([(0.0, 0, 2.0), (0.0, 0, 2.0), (2.0, 1, 0.0), (2.0, 1, 0.0)]):
        extraction.push(Frame(index, time, looks[look], unseen, ends_shot=look == 0))
    made = extraction.finish().streams["imagenet"]
    for row, look in zip(made, (0, 0, 1, 1), strict=True):
        np.testing.assert_allclose(row, alone[look], atol=2e-3)


def test_a_picture_that_stays_on_screen_is_looked_at_once(extractor: EfficientNetLite0) -> None:
    extraction = extractor.start(TimeGrid(5.0, 1.0))
    for index in range(5):
        extraction.push(Frame(index, 0.0, data.chelsea()))
    made = extraction.finish().streams["efficientnet_lite0"]
    assert np.array_equal(made, np.repeat(made[:1], 5, axis=0))
    np.testing.assert_allclose(made[0], streams(extractor, [data.chelsea()])["efficientnet_lite0"][0], rtol=1e-4)
