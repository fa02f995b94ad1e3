"""Reading and writing media: probe, decode in one pass, cut with ffmpeg."""

from highlightr.media.decode import decode
from highlightr.media.probe import probe
from highlightr.media.taps import AudioBlock, AudioTap, Frame, FrameTap, Item, Tap, Thumbnail, ThumbnailTap

__all__ = [
    "AudioBlock",
    "AudioTap",
    "Frame",
    "FrameTap",
    "Item",
    "Tap",
    "Thumbnail",
    "ThumbnailTap",
    "decode",
    "probe",
]
