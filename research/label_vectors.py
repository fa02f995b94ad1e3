"""Makes the file of class vectors that comes with highlightr, out of MiniLM as it is shipped.

python -m research.label_vectors
"""

from __future__ import annotations

from highlightr.features.labels import SHIPPED, write_shipped
from highlightr.model_loader import open_text_encoder

if __name__ == "__main__":
    write_shipped(open_text_encoder("minilm"), SHIPPED)
    print(f"{SHIPPED}: {SHIPPED.stat().st_size:,} bytes")
