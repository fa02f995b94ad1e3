"""Silero VAD: where there is speech.

In: 16 kHz mono sound. Out: the signal `speech`, (T, 1) in [0, 1]: row j is the probability of speech in
``[j * FRAME_SECONDS, (j + 1) * FRAME_SECONDS)``. Pauses between sentences are seen in it, so it has its own rate and is
not put on the grid. The state of the network goes on from block to block; memory is that of a block and of the rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.engines.onnx import RunGraph, open_graph
from highlightr.features.spectral import FrameCutter
from highlightr.media.sampling import AudioBlock, AudioRequest

SPEECH = "speech"
"""Name of the signal."""

SAMPLE_RATE = 16_000

FRAME_SAMPLES = 512
"""What the network was trained on at this rate."""

FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
"""32 ms: how finely speech is told."""

_CONTEXT_SAMPLES = 64
"""Each frame is read with so much of the sound before it."""

_BLOCK_FRAMES = 125
"""Frames read by one call, 4 s: longer blocks are hardly faster."""

_STATE_SHAPE = (1, 1, 128)


class SileroVad(Extractor):
    """Probability of speech, every 32 ms.

    Source: Silero Team, Silero VAD (2024), its ONNX export that takes sequences (package silero-vad 6.2.3); frames, the
    context before them and the state between them as in the package's `SileroVADSequence`.
    """

    name: ClassVar[str] = "silero-vad"
    signals: ClassVar[Mapping[str, int]] = {SPEECH: 1}
    checkpoints: ClassVar[tuple[str, ...]] = ("silero-vad",)
    request = AudioRequest(SAMPLE_RATE)

    def _open(self) -> None:
        # One thread leaves the other core to the decoder.
        self._graph = open_graph(self._file("silero-vad"), threads=1)

    def start(self, grid: TimeGrid) -> VoiceActivity:
        """Open the state for one video; frames keep their own times."""
        del grid
        return VoiceActivity(self._graph)


class VoiceActivity(Extraction[AudioBlock]):
    """The state for one video."""

    def __init__(self, graph: RunGraph) -> None:
        self._graph = graph
        self._hidden = self._cell = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._cutter = FrameCutter(_CONTEXT_SAMPLES + FRAME_SAMPLES, FRAME_SAMPLES, _BLOCK_FRAMES)
        self._push(np.zeros(_CONTEXT_SAMPLES, dtype=np.float32))
        self._num_samples = 0
        self.probabilities = array("f")
        """Of speech in each frame that was heard so far."""

    def push(self, item: AudioBlock) -> None:
        """Take the next block of sound."""
        self._num_samples += len(item.samples)
        self._push(item.samples)

    def finish(self) -> Extracted:
        """Return the signal, the last frame filled up with silence; no signal if there was no sound."""
        if not self._num_samples:
            return Extracted()
        self._push(np.zeros(-self._num_samples % FRAME_SAMPLES, dtype=np.float32))
        self._read(self._cutter.finish())
        times = np.arange(len(self.probabilities), dtype=np.float64) * FRAME_SECONDS
        values = np.array(self.probabilities, dtype=np.float32)
        return Extracted(signals={SPEECH: Signal(times, values[:, None])})

    def _push(self, samples: FloatArray) -> None:
        for frames in self._cutter.push(samples):
            self._read(frames)

    def _read(self, frames: FloatArray) -> None:
        """Hear (n, 576) samples: frames, each after the end of the one before it."""
        if len(frames):
            inputs = {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
            probabilities, self._hidden, self._cell = self._graph(inputs)
            self.probabilities.extend(probabilities.ravel().tolist())
