"""Reading media: probe, decode in one pass. Writing is `highlightr.media.cut`, which a score alone does not need."""

from highlightr.media._decode.frame_converter import shown_size
from highlightr.media.decode import decode
from highlightr.media.probe import probe
from highlightr.media.sampling import (
    AudioBlock,
    AudioRequest,
    Frame,
    FrameRequest,
    Item,
    SampleRequest,
    Thumbnail,
    ThumbnailRequest,
)
from highlightr.media.suffixes import check_suffix
from highlightr.media.thumbnails import grab_thumbnails

__all__ = [
    "AudioBlock",
    "AudioRequest",
    "Frame",
    "FrameRequest",
    "Item",
    "SampleRequest",
    "Thumbnail",
    "ThumbnailRequest",
    "check_suffix",
    "decode",
    "grab_thumbnails",
    "probe",
    "shown_size",
]
