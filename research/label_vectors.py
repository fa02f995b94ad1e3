"""Makes the file of class vectors that comes with highlightr, out of MiniLM as it is shipped.

python -m research.label_vectors
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from benchmarks.command import run_command
from highlightr.features.base import TextEncoder
from highlightr.features.labels import LABELLED_STREAMS, SHIPPED, embed, vectors_key
from highlightr.model_loader import open_text_encoder


def write_shipped(encoder: TextEncoder, path: Path) -> None:
    """Make the file: half precision, which moves a cosine by 1e-4 at most."""
    vectors = {stream: embed(encoder, stream).astype(np.float16) for stream in LABELLED_STREAMS}
    path.write_bytes(save(vectors, metadata={stream: vectors_key(encoder, stream) for stream in LABELLED_STREAMS}))


def main() -> None:
    """Embed the class names and write the file."""
    write_shipped(open_text_encoder("minilm"), SHIPPED)
    print(f"{SHIPPED}: {SHIPPED.stat().st_size:,} bytes")


if __name__ == "__main__":
    run_command(main)
