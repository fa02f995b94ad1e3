"""From a preset to the models it names: extractors, text encoder and scorers, opened once for many videos."""

from highlightr.model_loader.models import Models, load_models
from highlightr.model_loader.opening import label_bank, open_extractor, open_recogniser, open_text_encoder, records

__all__ = [
    "Models",
    "label_bank",
    "load_models",
    "open_extractor",
    "open_recogniser",
    "open_text_encoder",
    "records",
]
