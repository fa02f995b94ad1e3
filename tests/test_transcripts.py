"""What is written of speech, against the speech that is heard."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Features, Signal, TimeGrid
from highlightr.media.caption_timing import LEAST_CUES, steady_offset
from highlightr.selection.edges import SPEECH
from highlightr.transcripts import SpeechSource

Spans = list[tuple[float, float]]


def said(seconds: float, seed: int = 0) -> Spans:
    """Sentences of 2 to 5 s with pauses between."""
    rng, spans, time = np.random.default_rng(seed), list[tuple[float, float]](), 20.0
    while time < seconds - 26:
        stop = time + rng.uniform(2, 5)
        spans.append((time, stop))
        time = stop + rng.choice([0.4, 0.7, 1.0, 1.6])
    return spans


def spoken(spans: Spans, seconds: float) -> Signal:
    """Voice activity, 32 ms apart, that misses a syllable now and then."""
    times = np.arange(0, seconds, 0.032)
    voice = np.any([(times >= start) & (times < stop) for start, stop in spans], axis=0)
    voice &= np.random.default_rng(1).random(len(times)) > 0.05
    return Signal(times, voice[:, None].astype(np.float32))


def written(spans: Spans, offset: float = 0.0) -> Transcript:
    cues = tuple(Utterance(start + offset, stop + offset, f"Sentence {n}.") for n, (start, stop) in enumerate(spans))
    return Transcript(cues, "talk.srt", cues=cues)


def offset_of(transcript: Transcript, speech: Signal) -> float | None:
    return steady_offset(transcript, speech.times_seconds, speech.values[:, 0] > 0.5)


@pytest.mark.parametrize("offset", [-14.0, -2.0, -1.2, 1.2, 2.0, 7.3, 14.5])
@pytest.mark.parametrize("seconds", [200.0, 900.0])
def test_captions_that_are_late_or_early_all_through_are_told(offset: float, seconds: float) -> None:
    spans = said(seconds)
    found = offset_of(written(spans, offset), spoken(spans, seconds))
    assert found == pytest.approx(offset, abs=0.15)
    split = [part for start, stop in spans for part in ((start, (start + stop) / 2), ((start + stop) / 2, stop))]
    assert offset_of(written(split, offset), spoken(spans, seconds)) == pytest.approx(offset, abs=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_captions_that_fit_or_of_which_nothing_is_certain_are_not(seed: int) -> None:
    spans, rng = said(600.0, seed), np.random.default_rng(seed)
    speech = spoken(spans, 600.0)
    assert offset_of(written(spans), speech) is None
    assert offset_of(written(spans, 0.5), speech) is None
    longer = [
        (start, min(stop + 1, later)) for (start, stop), (later, _) in zip(spans, [*spans[1:], (1e6, 0)], strict=True)
    ]
    assert offset_of(written(longer), speech) is None
    assert offset_of(written([span for span in spans if rng.random() < 0.5]), speech) is None
    assert offset_of(written(said(600.0, seed + 100)), speech) is None, "of another video"
    assert offset_of(written(spans[: LEAST_CUES - 1], 3.0), speech) is None
    beats = [(time, time + 1) for time in np.arange(20.0, 570.0, 2.0).tolist()]
    assert offset_of(written(beats, 3.0), spoken(beats, 600.0)) is None
    assert (
        offset_of(written(spans, 3.0), spoken([], 600.0) if seed else Signal(np.zeros(0), np.zeros((0, 1), "f4")))
        is None
    )
    asides = tuple(Utterance(start + 3, stop + 3, "[applause]") for start, stop in spans)
    assert offset_of(Transcript(asides, "talk.srt", cues=asides), speech) is None


def test_the_note_says_how_the_file_is_put_right() -> None:
    spans = said(300.0)
    features = Features(TimeGrid(300.0, 1.0), {}, {SPEECH: spoken(spans, 300.0)})
    (kept, late) = SpeechSource(written(spans, 2.0), ("As before.",)).heard(features)[1]
    assert kept == "As before."
    assert "What talk.srt says comes 2.0 s too late" in late and "-itsoffset -2.0" in late
    (early,) = SpeechSource(written(spans, -3.0)).heard(features)[1]
    assert "3.0 s too early" in early and "-itsoffset 3.0" in early
    assert SpeechSource(written(spans)).heard(features)[1] == ()
    assert SpeechSource(None).heard(features)[1] == ()
    assert SpeechSource(written(spans, 2.0)).heard(Features(TimeGrid(300.0, 1.0), {}))[1] == ()
