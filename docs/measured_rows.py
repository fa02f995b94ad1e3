"""How the figures of each measurement become the rows of its table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Rows = list[list[str]]


def realtime_rows(figures: Mapping[str, Any]) -> Rows:
    """A row per length."""
    rows = []
    for minutes in dict.fromkeys(row["minutes"] for row in figures["rows"]):
        runs = [row for row in figures["rows"] if row["minutes"] == minutes]
        times = [row["times_real_time"] for row in runs]
        decode = statistics.median(row["wall_seconds"] / row["decode_seconds"] for row in runs)
        peak = max(row["peak_mib"] for row in runs)
        rows.append([f"{minutes:g} min", _spread(times), f"{decode:.1f}", f"{peak:.0f}"])
    return rows


def growth_rows(figures: Mapping[str, Any]) -> Rows:
    """The benchmark's own table."""
    from benchmarks.growth import Row, growth_table

    return _cells(growth_table([Row(**row) for row in figures["rows"]]))


def second_query_rows(figures: Mapping[str, Any]) -> Rows:
    """First and second query of each way."""
    kept = figures["wall_and_processor_seconds"]
    rows = []
    for way in ("score", "summarize"):
        first, second = ([pair[0] for pair in kept[f"{way}, {which}"]] for which in ("first", "second"))
        share = statistics.median(100 * later / begun for later, begun in zip(second, first, strict=True))
        rows.append([f"`{way}`", _spread(first), _spread(second), f"{share:.1f} %"])
    return rows


def floor_rows(figures: Mapping[str, Any]) -> Rows:
    """One preset over the floor."""
    median = figures["pieces"]["pipeline"]["median_seconds"]
    each = 1000 * median / figures["video_seconds"]
    spread = f"{figures['ratio_least']:.2f} to {figures['ratio_most']:.2f}"
    ratios = [f"{figures['ratio']:.2f}", spread, f"{figures['strict_ratio']:.2f}"]
    return [[f"`{figures['preset']}` ({figures['rounds']} rounds)", f"{each:.0f}", *ratios]]


def plain_way_rows(figures: Mapping[str, Any]) -> Rows:
    """One preset beside the plain way."""
    ratios, processor = figures["ratios"], figures["processor_ratios"]
    name = f"`{figures['preset']}` ({len(ratios)} rounds)"
    return [[name, figures["video"], f"{_spread(ratios)}x", f"{min(processor):.1f} to {max(processor):.1f}x"]]


def backends_rows(figures: Mapping[str, Any]) -> Rows:
    """Processor milliseconds per input of each network on each backend."""
    rows = []
    for network in figures["networks"]:
        by_name = {each["backend"]: each for each in network["backends"]}
        cells = [by_name.get(name, {}).get("processor_seconds_per_input") for name in BACKENDS]
        rows.append([network["network"], *("" if cell is None else f"{1000 * cell:.0f}" for cell in cells)])
    return rows


def beside_others_rows(figures: Mapping[str, Any]) -> Rows:
    """The benchmark's own table."""
    from benchmarks.beside_others import rows_of

    return rows_of(figures)


def beside_decode_rows(figures: Mapping[str, Any]) -> Rows:
    """The benchmark's own table."""
    from benchmarks.beside_decode import rows_of

    return rows_of(figures)


def analysis_modes_rows(figures: Mapping[str, Any]) -> Rows:
    """A row per folder of clips and length of groups: what `auto` sees and misses, and both modes' ranking."""
    rows = []
    for group in figures["groups"]:
        name = f"{group['clips']}, {group['queries']} queries"
        boundaries = ", ".join(str(group[each]) for each in ("boundaries", "missed", "extra"))
        ranked = [
            ", ".join(f"{group['rows'][f'{scorer}, {mode}'][each]:.1f}" for each in ("HIT@1", "mAP"))
            for scorer in ("cfsum-lite", "zeroshot")
            for mode in ("exact", "auto")
        ]
        rows.append([name, f"{group['gop_seconds']:g} s", f"{group['seen']:.0f} %", boundaries, *ranked])
    return rows


def flow_rows(figures: Mapping[str, Any]) -> Rows:
    """Milliseconds per pair of frames of each way."""
    pairs = figures["pairs"]
    rows = []
    for name, way in figures["ways"].items():
        wall = [1000 * each / pairs for each in way["seconds"]]
        processor = 1000 * statistics.median(way["processor_seconds"]) / pairs
        rows.append([name, f"{statistics.median(wall):.0f} ({min(wall):.0f} to {max(wall):.0f})", f"{processor:.0f}"])
    return rows


def scorers_rows(figures: Mapping[str, Any]) -> Rows:
    """Seconds per 1,000 clips of each scorer, and of a plain transformer of its size."""
    kept = figures["results"]
    presets = dict.fromkeys(each["preset"] for each in kept)
    rows = []
    for preset in presets:
        own, plain = (
            next(e for e in kept if e["preset"] == preset and (e["case"] == "scorer") is is_own)
            for is_own in (True, False)
        )
        seconds = [f"{each['seconds_per_1000_clips']:.2f}" for each in (own, plain)]
        rows.append([f"`{preset}`", f"{own['parameters'] / 1e6:.1f} M", *seconds])
    return rows


BACKENDS = ("torch", "torch, channels last", "onnxruntime", "OpenVINO")


def encoders_rows(figures: Mapping[str, Any]) -> Rows:
    """The benchmark's own table."""
    from benchmarks.encoders import Point, encoders_table

    table = encoders_table(Point(**figures["shipped"]), [Point(**each) for each in figures["points"]])
    return _cells(table)


WHOLE = ("right", "mean", "kept", "several right", "several kept", "edges", "absent", "falsely", "area", "inside")
"""Figures of `benchmarks.edit_quality` in whole numbers: shares in per cent."""

SHAPE = ("found", "led", "ended", "segments", "seconds")
BESIDE_SPEECH = ("right", "mean", "kept", "edges", "absent", "falsely")


def edit_quality_rows(figures: Mapping[str, Any]) -> Rows:
    """What is shipped beside a random choice."""
    rows = []
    for name, row in figures["rows"].items():
        held, method = name.rsplit(", ", 1)
        if method != "oracle":
            told = f"**{held}**" if method == "highlightr" else name
            rows.append([told, *(_figure(row, column) for column in (*WHOLE, *SHAPE))])
    return rows


def beside_speech_rows(figures: Mapping[str, Any]) -> Rows:
    """What is shipped, with or without a transcript of other things."""
    with_speech = ", with unrelated speech" if figures["speech"] else ""
    return [
        [name.removesuffix(", highlightr") + with_speech, *(f"{row[column]:.1f}" for column in BESIDE_SPEECH)]
        for name, row in figures["rows"].items()
        if name.endswith(", highlightr")
    ]


def absent_rows(figures: Mapping[str, Any]) -> Rows:
    """Two rows per set: what is noted at each rate, and the chance that gives it."""
    rows = []
    for name, points in figures["curves"].items():
        rows.append([f"{name}: absent noted, %", *(f"{point['absent']:.0f}" for point in points)])
        rows.append([f"{name}: chance", *(f"{point['below']:.2f}" for point in points)])
    return rows


def chances_rows(figures: Mapping[str, Any]) -> Rows:
    """A row per span of chances, over all sets."""
    rows = []
    for spans in zip(*figures["chances"].values(), strict=True):
        queries, there = (sum(span[name] for span in spans) for name in ("queries", "there"))
        share = f"{100 * there / queries:.0f}" if queries else ""
        rows.append([f"{spans[0]['from']:.2f} to {spans[0]['to']:.2f}", str(queries), share])
    return rows


def scores_rows(figures: Mapping[str, Any]) -> Rows:
    """A row per span of segments' scores, over all sets."""
    rows = []
    for spans in zip(*figures["scores"].values(), strict=True):
        segments, right, answered = (sum(span[name] for span in spans) for name in ("segments", "right", "answered"))
        shares = (f"{100 * right / of:.0f}" if of else "" for of in (answered, segments))
        rows.append([f"{spans[0]['from']:.2f} to {spans[0]['to']:.2f}", str(segments), *shares])
    return rows


def _spread(values: Sequence[float]) -> str:
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


def _cells(table: str) -> Rows:
    """The rows of a Markdown table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:] if line[:1] == "|"]


def _figure(row: Mapping[str, float | None], column: str) -> str:
    """A cell; empty where a set does not measure this."""
    value = row.get(column)
    if value is None:
        return ""
    return f"{value:.1f}" if column in ("segments", "seconds") else f"{value:.0f}"
