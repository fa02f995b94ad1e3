"""Reading and writing media: probe, decode in one pass, cut with ffmpeg."""

from highlightr.media._decode.frame_converter import shown_size
from highlightr.media.cut import CutResult, Piece, cut_clips, cut_summary
from highlightr.media.decode import decode
from highlightr.media.outputs import check_suffix
from highlightr.media.probe import probe
from highlightr.media.sampling import AudioBlock, AudioTap, Frame, FrameTap, Item, Tap, Thumbnail, ThumbnailTap
from highlightr.media.thumbnails import grab_thumbnails

__all__ = [
    "AudioBlock",
    "AudioTap",
    "CutResult",
    "Frame",
    "FrameTap",
    "Item",
    "Piece",
    "Tap",
    "Thumbnail",
    "ThumbnailTap",
    "check_suffix",
    "cut_clips",
    "cut_summary",
    "decode",
    "grab_thumbnails",
    "probe",
    "shown_size",
]
