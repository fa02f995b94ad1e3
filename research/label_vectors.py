"""Makes the file of class vectors that comes with highlightr, out of MiniLM as it is shipped.

python -m research.label_vectors
"""

from __future__ import annotations

from benchmarks.command import run_command
from highlightr.features.labels import SHIPPED, write_shipped
from highlightr.model_loader import open_text_encoder


def main() -> None:
    """Embed the class names and write the file."""
    write_shipped(open_text_encoder("minilm"), SHIPPED)
    print(f"{SHIPPED}: {SHIPPED.stat().st_size:,} bytes")


if __name__ == "__main__":
    run_command(main)
