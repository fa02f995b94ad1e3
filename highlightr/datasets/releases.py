"""Where the public feature releases keep their files: a folder as downloaded goes in, the `Layout` that fits comes out.

A path of a data set's own layout stands for the same thing in every release (Moment-DETR, UMT, Lighthouse): where it is
not in the folder, the place of the release that is there is taken. Paths that a user names are left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from highlightr.core.errors import ConfigError
from highlightr.datasets.base import Layout, Problem

Release = Literal["moment-detr", "umt", "lighthouse"]
RELEASES = get_args(Release)
"""Names of the releases, in the order of looking."""

Places = Mapping[str, str]
"""Release to the path of one kind of file."""


def _places(name: str, moment_detr: str, umt: str, lighthouse: str) -> Places:
    """Where each release has a file; Moment-DETR's is laid out like those of UMT's authors and of QD-DETR."""
    return {
        "moment-detr": f"{moment_detr}/{name}",
        "umt": f"{umt}/{name}",
        "lighthouse": f"features/{{set}}/{lighthouse}/{name}",
    }


_UMT_SETS = (
    _places("{video}_rgb.npy", "video", "video_features", "i3d"),
    _places("{video}_opt.npy", "video", "video_features", "i3d"),
    _places("{video}.npy", "audio", "audio_features", "audio"),
    _places("{video}.npz", "query", "query_features", "clip_text"),
)
PLACES: Mapping[str, tuple[Places, ...]] = {
    "qvhighlights": (
        _places("{video}.npz", "features/slowfast_features", "slowfast_features", "slowfast"),
        _places("{video}.npz", "features/clip_features", "clip_features", "clip"),
        _places("{video}.npy", "features/pann_features", "pann_features", "pann"),
        _places("qid{key}.npz", "features/clip_text_features", "clip_text_features", "clip_text"),
    ),
    "tvsum": _UMT_SETS,
    "youtube-highlights": _UMT_SETS,
    "mrhisum": (
        {
            "extract": "cnn14_16k/{video}.npy",
            "one file": "panns.h5",
            "davihd": "audio_emb/{video}.npy",
            "umt": "pann_features/{video}.npy",
        },
        {"mr-hisum": "dataset/mr_hisum.h5", "flat": "mr_hisum.h5"},
    ),
}
"""Data set to its kinds of feature file. Mr.HiSum is released without sound: it may lie where `highlightr extract`,
DAViHD's scripts or UMT put such features."""

_FOLDERS = {
    "qvhighlights": ("qvhighlight", "QVHighlight"),
    "tvsum": ("tvsum",),
    "youtube-highlights": ("youtube_highlight",),
    "mrhisum": ("mrhisum",),
}
"""Data set to the names that Lighthouse's folders give it."""

UMT_LABELS = {"tvsum": "tvsum_anno.json", "youtube-highlights": "youtube_anno.json"}
"""UMT's label file, one for training and test."""

_SIGNS = {
    "qvhighlights": ("highlight_*_release.jsonl", "data/**/highlight_*_release.jsonl"),
    "tvsum": ("tvsum_*", UMT_LABELS["tvsum"], "features/tvsum", "data/tvsum"),
    "youtube-highlights": ("youtube_*", UMT_LABELS["youtube-highlights"], "features/youtube_highlight"),
    "mrhisum": ("mr_hisum*", "dataset/mr_hisum*"),
}
"""Data set to what lies in a folder of it alone."""

_SPLIT_FILES = ("mr_hisum_split.json", "mrsum_split.json", "mrhisum_split.json")
"""Names of Mr.HiSum's split file in its own repository, today and at first, and in DAViHD's."""

_UNLABELLED = ("highlight_test_with_gt.jsonl", "highlight_test_release.jsonl")
"""QVHighlights' public test labels, and the queries without labels that the releases hold."""

_OPTIONAL = ("cnn14",)
"""Streams that a release may lack altogether: sound."""


def released_layout(
    name: str, root: Path, layout: Layout, release: str | None = None
) -> tuple[Layout, tuple[Problem, ...]]:
    """The layout with every path that a release keeps elsewhere replaced by that place, and what it does without.

    That is sound that is not in the folder at all. A `release` is one of `RELEASES` instead of what lies in the folder;
    a `ConfigError` where it is unknown.
    """
    if release is not None and release not in RELEASES:
        raise ConfigError(f"unknown release {release!r}; known: {', '.join(RELEASES)}")
    if name not in PLACES:
        return layout, ()
    chosen = release or recognised(name, root)
    streams = {stream: _path_in_folder(name, root, path, chosen, release) for stream, path in layout.streams.items()}
    absent = [each for each, path in streams.items() if each in _OPTIONAL and not _has_files(root, path)]
    kept = {stream: path for stream, path in streams.items() if stream not in absent} or streams
    tokens = None if layout.tokens is None else _path_in_folder(name, root, layout.tokens, chosen, release)
    places = {stream: root / Path(streams[stream]).parent for stream in absent if stream not in kept}
    problems = tuple(
        Problem(
            stream, f"no sound: {where} holds no features, and the rest is used without", used=True, annotated=False
        )
        for stream, where in places.items()
    )
    return replace(_labelled(name, root, layout), streams=kept, tokens=tokens), problems


def recognised(name: str, root: Path) -> str | None:
    """The release that most of a folder's features are laid out like; `None` if none of its files are there."""
    counts = Counter(
        release
        for places in PLACES.get(name, ())
        for release in RELEASES
        if release in places and any(_has_files(root, path) for path in _filled_in(name, places[release]))
    )
    return counts.most_common(1)[0][0] if counts else None


def recognised_dataset(folder: Path) -> str:
    """The data set whose label files lie in a folder.

    Raises:
        ConfigError: there is no such folder, or it holds label files of no data set or of several.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    found = [name for name, signs in _SIGNS.items() if any(True for sign in signs for _ in folder.glob(sign))]
    if len(found) != 1:
        said = f"of {' and '.join(found)}" if found else "of no data set that is known"
        raise ConfigError(f"{folder} holds label files {said}; say which with --set {'|'.join(_SIGNS)}")
    return found[0]


def unlabelled_test(root: Path, annotations: str) -> bool:
    """Whether the folder holds QVHighlights' test queries but not the labels that were published later."""
    labels, queries = _UNLABELLED
    return annotations == labels and _label_file(root, labels) is None and _label_file(root, queries) is not None


def _path_in_folder(name: str, root: Path, path: str, chosen: str | None, forced: str | None) -> str:
    """Where the folder keeps what the layout keeps at `path`."""
    places = next((each for each in PLACES[name] if path in each.values()), None)
    if places is None or (forced is None and _has_files(root, path)):
        return path
    order = [each for each in places if each == forced] or sorted(places, key=lambda each: each != chosen)
    candidates = [found for release in order for found in _filled_in(name, places[release])]
    return next((found for found in candidates if _has_files(root, found)), candidates[0])


def _filled_in(name: str, path: str) -> list[str]:
    return [path.replace("{set}", folder) for folder in _FOLDERS[name]] if "{set}" in path else [path]


def _has_files(root: Path, pattern: str) -> bool:
    """Whether any file of a pattern lies in the folder; ``.npy`` and ``.npz`` are the same here."""
    if "{" not in pattern:
        return (root / pattern).is_file()
    place = root / Path(pattern).parent
    stem = Path(pattern).stem.replace("{video}", "*").replace("{key}", "*")
    return any(True for suffix in (".npy", ".npz") for _ in place.glob(f"{stem}{suffix}"))


def _labelled(name: str, root: Path, layout: Layout) -> Layout:
    """The layout with its annotation files where the folder has them."""
    found = _label_file(root, layout.annotations)
    names = _SPLIT_FILES if layout.split_file in _SPLIT_FILES else (layout.split_file,)
    split_file = next((each for file in names if file and (each := _label_file(root, file))), layout.split_file)
    if found is not None:
        return replace(layout, annotations=found, split_file=split_file)
    labels = UMT_LABELS.get(name)
    umt = None if labels is None or "_release.jsonl" not in layout.annotations else _label_file(root, labels)
    if umt is None:
        return replace(layout, split_file=split_file)
    part = "val" if "_val_" in layout.annotations else "train"
    return replace(layout, annotations=umt, split=part)


def _label_file(root: Path, path: str) -> str | None:
    """The path itself or the same name in a folder where releases keep labels."""
    return next((each for each in _label_places(path) if (root / each).exists()), None)


def _label_places(path: str) -> Iterator[str]:
    yield path
    name, folders = Path(path).name, [folder for names in _FOLDERS.values() for folder in names]
    for place in ("data", "annotations", "dataset", *(f"data/{each}" for each in folders)):
        yield f"{place}/{name}"
    for folder in folders:
        yield f"features/{folder}/{name}"
