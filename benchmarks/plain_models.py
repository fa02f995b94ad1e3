"""The plain way to each extractor's streams: torch in single precision, one call per frame, window or chunk.

In: decoded frames one at a time, or the whole soundtrack. Out: streams on the grid, name to (num_clips, width).
Networks run where they lie: on the CPU, or on a GPU.
Weights, the clips' rules and the scaling of what a network sees are the extractor's own, so that rows can be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from highlightr.core.source import VideoStream
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.backbones import davihd
from highlightr.features.backbones.pictures import central_square
from highlightr.features.backbones.windows import window_indices
from highlightr.features.lite import efficientnet, logmel, motion, speech, yamnet
from highlightr.media._decode.frame_converter import FrameConverter, ThumbnailMaker, num_frames
from highlightr.media.sampling import FrameRequest
from highlightr.zoo import weights_path

Pixels = npt.NDArray[np.uint8]
Streams = Mapping[str, FloatArray]


class PlainPictures:
    """One forward per frame; rows of a clip are averaged."""

    def __init__(
        self, request: FrameRequest, grid: TimeGrid, video: VideoStream, forward: Callable[[Pixels], Streams]
    ) -> None:
        self.request, self._grid, self._forward = request, grid, forward
        self._converter = FrameConverter(video, request.short_side)
        self.wanted = num_frames(grid.duration_seconds, request.frames_per_second)
        self._rows: dict[str, list[list[FloatArray]]] = {}

    def frame(self, index: int, frame: av.VideoFrame) -> None:
        clip = int(self._grid.clip_index((index + 0.5) / self.request.frames_per_second))
        for name, row in self._forward(self._converter.convert(frame)).items():
            self._rows.setdefault(name, [[] for _ in range(self._grid.num_clips)])[clip].append(row[0])

    def result(self) -> Streams:
        return {name: np.stack([np.mean(rows, axis=0) for rows in clips]) for name, clips in self._rows.items()}


class PlainWindows:
    """The frames of a clip gathered, one forward per window."""

    def __init__(
        self,
        request: FrameRequest,
        grid: TimeGrid,
        video: VideoStream,
        protocol: Any,
        forward: Callable[[Pixels], Streams],
    ) -> None:
        self.request, self._grid, self._protocol, self._forward = request, grid, protocol, forward
        self._converter = FrameConverter(video, request.short_side)
        self.wanted = num_frames(grid.duration_seconds, request.frames_per_second)
        self._frames: list[Pixels] = []
        self._clip = 0
        self._rows: dict[str, list[FloatArray]] = {}
        self._rate = None if video.frames_per_second is None else float(video.frames_per_second)
        self._last: av.VideoFrame | None = None

    def frame(self, index: int, frame: av.VideoFrame) -> None:
        clip = int(self._grid.clip_index((index + 0.5) / self.request.frames_per_second))
        if clip != self._clip:
            self._close()
            self._clip = clip
        elif (self._protocol.span_rate or self._protocol.first_only) and frame is self._last:
            return
        self._last = frame
        self._frames.append(self._protocol.prepared(self._converter.convert(frame)))

    def result(self) -> Streams:
        self._close()
        return {name: np.stack(rows) for name, rows in self._rows.items()}

    def _close(self) -> None:
        made: dict[str, list[FloatArray]] = {}
        for indices in window_indices(len(self._frames), self._protocol, self._rate):
            for name, row in self._forward(np.stack([self._frames[index] for index in indices])[None]).items():
                made.setdefault(name, []).append(row[0])
        for name, rows in made.items():
            self._rows.setdefault(name, []).append(np.mean(rows, axis=0))
        self._frames = []


class PlainThumbnails:
    """A tiny picture of every frame, and how it changes."""

    def __init__(self, grid: TimeGrid) -> None:
        self._maker = ThumbnailMaker(motion.Motion().request)
        self._extraction = motion.Motion().start(grid)

    def every_frame(self, seconds: float, frame: av.VideoFrame) -> None:
        self._extraction.push(self._maker.of(frame, Fraction(seconds)))

    def result(self) -> Streams:
        return self._extraction.finish().streams


class PlainSound:
    """Streams of the whole soundtrack."""

    def __init__(self, sample_rate: int, measure: Callable[[FloatArray], Streams]) -> None:
        self.sample_rate, self._measure = sample_rate, measure

    def sound(self, samples: FloatArray) -> Streams:
        return self._measure(samples)


Plain = PlainPictures | PlainWindows | PlainThumbnails | PlainSound


def plain_model(extractor: Any, module: Any, grid: TimeGrid, video: VideoStream) -> Plain:
    """The plain way for an extractor; `module` is its network as benchmarks.networks lays it open."""
    kind = type(extractor).__name__
    if kind == "Motion":
        return PlainThumbnails(grid)
    if kind == "YamNet":
        return PlainSound(yamnet.SAMPLE_RATE, _yamnet(grid))
    if kind == "SileroVad":
        return PlainSound(speech.SAMPLE_RATE, _unseen(partial(speech_of, extractor)))
    if kind == "DAViHDMel":
        return PlainSound(davihd.HEARD_RATE, _unseen(davihd_mel))
    if kind == "LogMel":
        return PlainSound(logmel.SAMPLE_RATE, lambda samples: _audio_dynamics(samples, grid))
    if hasattr(extractor, "least_samples"):
        return PlainSound(extractor.sample_rate, lambda samples: _chunks(extractor, module, samples, grid))
    protocol = getattr(extractor, "protocol", None)
    forward = _forward(extractor, module)
    if protocol is not None:
        return PlainWindows(extractor.request, grid, video, protocol, forward)
    return PlainPictures(extractor.request, grid, video, forward)


def _forward(extractor: Any, module: Any) -> Callable[[Any], Streams]:
    """From one picture or window, scaled, to rows of one."""
    if getattr(extractor, "_flow", None) is not None:
        return _flow(extractor)
    if module is None:
        forward: Callable[[Any], Streams] = extractor._forward
        return forward
    names, widths = list(extractor.streams), list(extractor.streams.values())
    if extractor.name == "efficientnet_lite0":
        return lambda picture: dict(
            zip(names, np.split(_run(module, efficientnet.preprocess(picture)[None]), [widths[0]], axis=1), strict=True)
        )
    if hasattr(extractor, "protocol"):
        return lambda windows: {names[0]: _run(module, windows)}
    if hasattr(extractor, "_pixels"):
        return lambda picture: _clip(extractor, module, picture)
    return lambda picture: {names[0]: _inception(extractor, module, picture)}


def _run(module: Any, given: npt.NDArray[Any]) -> FloatArray:
    import torch

    with torch.inference_mode():
        made: FloatArray = module(torch.from_numpy(np.ascontiguousarray(given)).to(_device(module))).cpu().numpy()
    return made


def _device(module: Any) -> Any:
    """Where a network lies."""
    return next(module.parameters()).device


def plain_flow(source: Any, updates: int) -> Callable[[Pixels], Any]:
    """torchvision's RAFT on one pair of frames after the other: (frames, height, width, 3) to the flow, a tensor."""
    import torch
    from torch.nn import functional

    from highlightr.features.backbones.flow import open_raft

    raft = open_raft(source, "raft-large")

    def flow(window: Pixels) -> Any:
        frames = torch.from_numpy(window).to(_device(raft)).permute(0, 3, 1, 2).float() * (2 / 255) - 1
        height, width = frames.shape[-2:]
        rows, columns = (-height) % 8, (-width) % 8
        top, left = rows // 2, columns // 2
        padded = functional.pad(frames, (left, columns - left, top, rows - top), mode="replicate")
        with torch.inference_mode():
            pairs = [raft(padded[i : i + 1], padded[i + 1 : i + 2], updates)[-1] for i in range(len(padded) - 1)]
        return torch.cat(pairs)[..., top : top + height, left : left + width]

    return flow


def _flow(extractor: Any) -> Callable[[Pixels], Streams]:
    """The flow of a window and I3D on it; I3D on the pictures, too, where that is wanted."""
    from highlightr.features.backbones.i3d import _central

    flow, crop = plain_flow(extractor._source, extractor.flow_updates), extractor.protocol.crop

    def forward(windows: Pixels) -> Streams:
        made: dict[str, FloatArray] = {}
        if "i3d_rgb" in extractor.streams:
            made["i3d_rgb"] = _run(extractor._rgb.module, _central(windows, crop, axis=2))
        made["i3d_flow"] = _run(extractor._flow_network.module, _central(flow(windows[0]).cpu().numpy()[None], crop))
        return made

    return forward


def _clip(extractor: Any, module: Any, picture: Pixels) -> Streams:
    rows = _run(module, central_square(picture, extractor._pixels)[None])
    if "imagenet" not in extractor.streams:
        return {"clip": rows}
    logits = extractor._scale * (rows / np.linalg.norm(rows)) @ extractor._classes.T
    likely = np.exp(logits - logits.max())
    return {"clip": rows, "imagenet": likely / likely.sum()}


def _inception(extractor: Any, module: Any, picture: Pixels) -> FloatArray:
    from highlightr.features.backbones.inception import InceptionYT8M, dequantise, quantise

    rows = _run(module, extractor._prepare(picture)[None])
    return dequantise(quantise(rows)) if isinstance(extractor, InceptionYT8M) else rows


def _chunks(extractor: Any, module: Any, samples: FloatArray, grid: TimeGrid) -> Streams:
    """One forward per clip."""
    length = max(round(grid.clip_seconds * extractor.sample_rate), extractor.least_samples)
    rows = []
    for clip in range(grid.num_clips):
        first, stop = (round(edge * grid.clip_seconds * extractor.sample_rate) for edge in (clip, clip + 1))
        chunk = np.zeros(length, dtype=np.float32)
        own = samples[first : min(stop, first + length)]
        chunk[: len(own)] = own
        rows.append(_run(module, chunk[None])[0])
    return {next(iter(extractor.streams)): np.stack(rows)}


def _yamnet(grid: TimeGrid) -> Callable[[FloatArray], Streams]:
    """A session with onnxruntime's defaults; one call per patch of 0.96 s every 0.48 s."""
    import onnxruntime

    session = onnxruntime.InferenceSession(weights_path("yamnet"))

    def measure(samples: FloatArray) -> Streams:
        missing = max(240, 95 * 160 + 400 - len(samples))
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, missing)), 400)[::160]
        rows = yamnet.log_mel_rows(frames)
        starts = list(range(0, len(rows) - 95, 48))
        if len(rows) - 96 > starts[-1]:
            starts.append(len(rows) - 96)
        sums, weights = np.zeros((grid.num_clips, 521)), np.zeros(grid.num_clips)
        for start in starts:
            ((probabilities,),) = session.run(None, {"log_mels": rows[None, start : start + 96]})
            for clip in range(grid.num_clips):
                begin, end = clip * grid.clip_seconds, (clip + 1) * grid.clip_seconds
                shared = min(end, start * 0.01 + 0.96) - max(begin, start * 0.01)
                if shared > 1e-3:
                    sums[clip] += shared * probabilities
                    weights[clip] += shared
        heard = np.flatnonzero(weights)  # The last clip may be shorter than what a patch leaves out.
        nearest = heard[np.abs(np.arange(grid.num_clips)[:, None] - heard).argmin(axis=1)]
        return {"yamnet": (sums[nearest] / weights[nearest, None]).astype(np.float32)}

    return measure


def _unseen(measure: Callable[[FloatArray], FloatArray]) -> Callable[[FloatArray], Streams]:
    """What makes a signal and no stream: it costs its time."""

    def measured(samples: FloatArray) -> Streams:
        measure(samples)
        return {}

    return measured


def davihd_mel(samples: FloatArray) -> FloatArray:
    """(n, mels): torchaudio's resampling and spectrogram of the whole sound."""
    import torch
    from torchaudio.functional import resample
    from torchaudio.transforms import MelSpectrogram

    mel = MelSpectrogram(
        davihd.SAMPLE_RATE, davihd.FFT_SAMPLES, hop_length=davihd.HOP_SAMPLES, n_mels=davihd.MELS, center=True
    )
    with torch.inference_mode():
        heard = resample(torch.from_numpy(samples), davihd.HEARD_RATE, davihd.SAMPLE_RATE)
        rows: FloatArray = (mel(heard).T + davihd._LOG_OFFSET).log().numpy()
    return rows


def speech_of(extractor: Any, samples: FloatArray) -> FloatArray:
    """(frames,): how likely each frame is speech, one call per frame, as the package does it."""
    length, context = speech.FRAME_SAMPLES, np.zeros(speech._CONTEXT_SAMPLES, np.float32)
    hidden = cell = np.zeros(speech._STATE_SHAPE, np.float32)
    found = []
    for frame in np.pad(samples, (0, -len(samples) % length)).reshape(-1, length):
        given = {"input": np.concatenate([context, frame])[None], "h": hidden, "c": cell}
        probability, hidden, cell = extractor._graph(given)
        found.append(float(np.ravel(probability)[0]))
        context = frame[-len(context) :]
    return np.array(found, np.float32)


def _audio_dynamics(samples: FloatArray, grid: TimeGrid) -> Streams:
    """librosa's spectrogram of the whole sound, and the pipeline's columns from it."""
    import librosa

    hop, length = logmel.HOP_SAMPLES, logmel.FFT_SAMPLES
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=logmel.SAMPLE_RATE,
        n_fft=length,
        hop_length=hop,
        n_mels=logmel.MELS,
        power=2.0,
        pad_mode="constant",
    )
    rows = np.log(mel.T + 1e-8)
    flux = np.maximum(np.diff(rows, axis=0, prepend=rows[:1]), 0).mean(axis=1) * 10 / np.log(10)
    padded = np.pad(samples, hop // 2)
    hops = np.lib.stride_tricks.sliding_window_view(np.pad(padded, (0, hop)), hop)[::hop][: len(rows)]
    measured = np.stack([np.square(hops).mean(axis=1), flux], axis=1).astype(np.float64)
    return {"audio_dynamics": logmel._dynamics(grid, measured)}
