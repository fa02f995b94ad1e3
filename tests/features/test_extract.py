from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.source import AudioStream, Source, VideoStream
from highlightr.core.types import TimeGrid
from highlightr.features import extract as extract_function
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.extract import extract
from highlightr.media.sampling import AudioRequest, FrameRequest, Item, SampleRequest
from tests import opened

from .items import items

GRID = TimeGrid(3.2, 1.0)
SOURCE = Source(
    path=Path("video.mp4"),
    duration_seconds=3.2,
    start_seconds=0.0,
    container="mp4",
    size_bytes=1,
    video=VideoStream(0, "h264", 64, 36),
    audio=AudioStream(1, "aac", 44_100, 2),
)


class Fake(Extractor):
    """Counts the items that it is given."""

    def __init__(self, name: str, request: SampleRequest, stream: str | None = None) -> None:
        self.name = name  # type: ignore[misc]
        self.streams = {stream or name: 1}  # type: ignore[misc]
        self._request = request

    @property
    def request(self) -> SampleRequest:
        return self._request

    def start(self, grid: TimeGrid) -> Extraction:
        stream = next(iter(self.streams))

        class Counter(Extraction):
            count = 0

            def push(self, item: Item) -> None:
                self.count += 1

            def finish(self) -> Extracted:
                return Extracted({stream: np.full((grid.num_clips, 1), self.count, np.float32)})

        return Counter()


class Decoding:
    """Stands in for the decode pass and remembers which requests it was asked for."""

    def __init__(self, *, with_sound: bool = True) -> None:
        self.with_sound = with_sound
        self.requests: Mapping[str, SampleRequest] = {}

    def __call__(
        self,
        source: Source,
        requests: Mapping[str, SampleRequest],
        *,
        skip_calm: bool = False,
        lost: Callable[[str, int], None],
    ) -> Iterator[tuple[str, Item]]:
        assert not skip_calm
        lost("video", 2)
        self.requests = dict(requests)
        for name, request in requests.items():
            if self.with_sound or not isinstance(request, AudioRequest):
                for item in items(request, source.duration_seconds):
                    yield name, item


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> Decoding:
    decoding = Decoding()
    # The folder exports a function of the module's name, so the module is not an attribute of the folder.
    monkeypatch.setattr(import_module("highlightr.features.extract"), "decode", decoding)
    return decoding


def all_of_lite() -> Sequence[Extractor]:
    return [opened.extractor(name) for name in ("efficientnet_lite0", "yamnet", "logmel", "motion")]


def test_one_pass_makes_every_stream(decoding: Decoding) -> None:
    features = extract(SOURCE, GRID, all_of_lite())
    assert {name: values.shape[1] for name, values in features.streams.items()} == {
        "efficientnet_lite0": 1280,
        "imagenet": 1000,
        "yamnet": 521,
        "audio_dynamics": 4,
        "motion": 2,
        "novelty": 1,
    }
    assert list(features.signals) == ["frame_change"]
    assert features.losses == {"video": 2}


def test_equal_requests_are_shared_and_others_are_not(decoding: Decoding) -> None:
    fakes = [
        Fake("a", FrameRequest(2.0)),
        Fake("b", FrameRequest(2.0)),
        Fake("c", FrameRequest(1.0)),
        Fake("d", FrameRequest(2.0, short_side=9)),
    ]
    features = extract(SOURCE, GRID, fakes)
    assert decoding.requests == {"a": FrameRequest(2.0), "c": FrameRequest(1.0), "d": FrameRequest(2.0, short_side=9)}
    assert {name: values[0, 0] for name, values in features.streams.items()} == {"a": 7, "b": 7, "c": 4, "d": 7}


def test_a_source_without_sound_is_not_asked_for_any(decoding: Decoding) -> None:
    features = extract(replace(SOURCE, audio=None), GRID, all_of_lite())
    assert not any(isinstance(request, AudioRequest) for request in decoding.requests.values())
    assert set(features.streams) == {"efficientnet_lite0", "imagenet", "motion", "novelty"}


def test_sound_that_turns_out_empty_is_an_absent_key(decoding: Decoding) -> None:
    decoding.with_sound = False
    features = extract(SOURCE, GRID, all_of_lite())
    assert set(features.streams) == {"efficientnet_lite0", "imagenet", "motion", "novelty"}


def test_progress_never_goes_back_and_ends_at_the_end(decoding: Decoding) -> None:
    told: list[tuple[float, float]] = []
    extract(SOURCE, GRID, all_of_lite(), progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == (3.2, 3.2)
    assert {total for _, total in told} == {3.2}


def test_two_makers_of_one_stream_are_refused(decoding: Decoding) -> None:
    fakes = [Fake("a", FrameRequest(1.0), "same"), Fake("b", FrameRequest(1.0), "same")]
    with pytest.raises(ConfigError, match="a and b both make 'same'"):
        extract(SOURCE, GRID, fakes)


def test_an_extractor_listed_twice_is_refused(decoding: Decoding) -> None:
    with pytest.raises(ConfigError, match="'a' is listed twice"):
        extract(SOURCE, GRID, [Fake("a", FrameRequest(1.0)), Fake("a", FrameRequest(1.0))])


def test_is_the_function_that_the_folder_exports() -> None:
    assert extract_function is extract


@pytest.mark.realdata
def test_a_real_clip(real_data: Path) -> None:
    from highlightr.features.labels import label_names
    from highlightr.media.probe import probe

    source = probe(real_data / "events" / "vas_drum_video_02542.mp4")
    features = extract(source, TimeGrid(source.duration_seconds, 1.0), all_of_lite())
    assert label_names("imagenet")[features.streams["imagenet"].mean(axis=0).argmax()].startswith("drum")
    heard = {label_names("yamnet")[index] for index in features.streams["yamnet"].mean(axis=0).argsort()[-4:]}
    assert "Drum" in heard or "Percussion" in heard
