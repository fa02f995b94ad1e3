"""What is known about each public data set: where it is, how large, under which terms, and what a folder needs.

In: a name, or a folder. Out: facts as data, and a count of what a folder lacks, part by part. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from highlightr.core.errors import ConfigError
from highlightr.datasets.base import Dataset


@dataclass(frozen=True)
class DatasetFacts:
    """One data set as its authors and the feature releases offer it."""

    title: str
    pages: Mapping[str, str]
    """What to its official address; nothing is mirrored."""
    size: str
    licence: str
    """As its page states it, or that it states none."""
    layout: tuple[str, ...]
    """Lines that show a folder as the config reads it."""
    config: str
    """Training config that runs on it, and says which parts there are."""


CATALOGUE: Mapping[str, DatasetFacts] = {
    "qvhighlights": DatasetFacts(
        "QVHighlights (Lei et al., NeurIPS 2021): a query, moments and saliency of 2 s clips",
        {
            "labels": "https://github.com/jayleicn/moment_detr/tree/main/data",
            "features (Moment-DETR)": "https://github.com/jayleicn/moment_detr",
            "features with sound (UMT)": "https://github.com/TencentARC/UMT",
            "features (Lighthouse)": "https://github.com/line/lighthouse",
        },
        "about 10,000 videos of 150 s; features 8 GB (stated by Moment-DETR)",
        "labels CC BY-NC-SA 4.0 (stated by Moment-DETR); the videos are YouTube's users'",
        (
            "highlight_train_release.jsonl, highlight_val_release.jsonl, highlight_test_with_gt.jsonl",
            "Moment-DETR: features/{slowfast_features,clip_features,clip_text_features}, pann_features there, too",
            "UMT: slowfast_features, clip_features, pann_features, clip_text_features",
            "Lighthouse: features/qvhighlight/{slowfast,clip,pann,clip_text}",
        ),
        "cfsum-qvhighlights",
    ),
    "tvsum": DatasetFacts(
        "TVSum (Song et al., CVPR 2015): 50 videos of 10 categories, rated by 20 people",
        {
            "labels and videos": "https://github.com/yalesong/tvsum",
            "features (UMT)": "https://github.com/TencentARC/UMT",
            "features (Lighthouse)": "https://github.com/line/lighthouse",
        },
        "50 videos, 644 MB (stated by its page); no size of the features is published",
        "videos CC BY 3.0 (stated by its page); none is stated for the labels",
        (
            "tvsum_anno.json and static.py (UMT), or tvsum_train_release.jsonl and tvsum_val_release.jsonl (QD-DETR)",
            "UMT: video_features/VIDEO_{rgb,opt}.npy, audio_features/VIDEO.npy, query_features/VIDEO.npz",
            "QD-DETR: video, audio, query; Lighthouse: features/tvsum/{i3d,audio,clip_text}",
        ),
        "cfsum-tvsum",
    ),
    "youtube-highlights": DatasetFacts(
        "YouTube Highlights (Sun et al., ECCV 2014): six sports, matched clips",
        {
            "labels": "https://github.com/aliensunmin/DomainSpecificHighlight",
            "features (UMT)": "https://github.com/TencentARC/UMT",
        },
        "419 videos divided by UMT; no size of the features is published",
        "none is stated; the videos are YouTube's users'",
        (
            "youtube_anno.json and static.py (UMT), or "
            "youtube_highlight_train_release.jsonl and youtube_highlight_val_release.jsonl",
            "UMT: video_features/VIDEO_{rgb,opt}.npy, audio_features/VIDEO.npy",
        ),
        "cfsum-youtube",
    ),
    "mrhisum": DatasetFacts(
        "Mr.HiSum (Sul et al., NeurIPS 2023): what viewers replay most, second by second",
        {
            "labels": "https://github.com/MRHiSum/MR.HiSum",
            "features (YouTube-8M)": "https://research.google.com/youtube8m/download.html",
        },
        "31,892 videos; its features are those of YouTube-8M, which are far larger",
        "CC BY 4.0 (stated by its page), with YouTube's terms of service",
        (
            "mr_hisum.h5 with the features added by its preprocess.py, mr_hisum_split.json; or both in dataset",
            "sound, which is not released: cnn14_16k/VIDEO.npy and davihd_mel/VIDEO.npz, of your copies of the videos:",
            "highlightr extract VIDEOS --features cnn14-16k,davihd-mel --clip-seconds 1 --format npy --out DIR",
        ),
        "davihd-mrhisum",
    ),
}
"""Name in `highlightr.datasets.DATASETS` to what is known. Addresses and terms are the publishers' own words."""


@dataclass(frozen=True)
class PartCheck:
    """What one part of a folder holds."""

    part: str
    usable: int
    missing: int
    """Annotated items that cannot be used."""
    reasons: tuple[str, ...]
    """Of the first of them, with their names; or why the part cannot be read at all."""


def part_check(part: str, opened: Dataset | ConfigError, shown: int = 5) -> PartCheck:
    """Count a part that was opened, or say why it could not be."""
    if isinstance(opened, ConfigError):
        return PartCheck(part, 0, 0, (str(opened),))
    missing = opened.missing
    aside = [each.reason for each in opened.problems if not each.annotated]
    reasons = [f"{each.item}: {each.reason}" for each in missing[:shown]]
    more = [f"… and {len(missing) - shown} more"] if len(missing) > shown else []
    return PartCheck(part, len(opened), len(missing), (*reasons, *more, *dict.fromkeys(aside[:shown])))
