"""Protocols end to end on small files of the true layouts, on the real annotations, and on broken files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets import json_lines as records
from highlightr.datasets.items import moment_labels
from highlightr.evaluation import PROTOCOLS, evaluate_cases, evaluate_files, find_protocol, moment_case
from highlightr.evaluation.protocols import position_prior, random_scores

ROWS = ["predictions", "random", "position prior", "oracle"]


def write(path: Path, records: Sequence[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def qv_truth(qid: int = 1, **fields: object) -> dict[str, object]:
    base = {"qid": qid, "vid": f"v{qid}", "query": "q", "duration": 8, "relevant_clip_ids": [1, 2]}
    return base | {"saliency_scores": [[4, 4, 1], [2, 2, 2]]} | fields


def qv_prediction(qid: int = 1, scores: Sequence[float] = (0, 3, 2, 1)) -> dict[str, object]:
    return {"qid": qid, "pred_saliency_scores": list(scores)}


def evaluate_qv(folder: Path, predictions: list[dict[str, object]], truth: list[dict[str, object]]):
    return evaluate_files("qvhighlights", write(folder / "p.jsonl", predictions), write(folder / "a.jsonl", truth))


def test_qvhighlights_by_hand(tmp_path: Path) -> None:
    report = evaluate_qv(tmp_path, [qv_prediction()], [qv_truth()])
    # very good: two workers find clip 1, ranked first (AP 1); the third has no positive (AP 0)
    assert report.metrics["very_good_map"] == 66.67
    assert report.metrics["very_good_hit@1"] == 100
    # fair: workers 1 and 2 have clips 1, 2 (AP 1); worker 3 has clip 2 alone, at rank 2 (AP 1/2)
    assert report.metrics["fair_map"] == 83.33


def test_qvhighlights_cuts_and_fills_as_published(tmp_path: Path) -> None:
    report = evaluate_qv(
        tmp_path, [qv_prediction(1, [0, 3]), qv_prediction(2, [0, 3, 2, 1, 9])], [qv_truth(1), qv_truth(2)]
    )
    assert "2 predictions were cut or zero-filled" in report.notes[0]
    # the best clip of the second lies past the video: a miss
    assert report.metrics["fair_hit@1"] == 50


def test_qvhighlights_hit_takes_the_earliest_of_equal_clips(tmp_path: Path) -> None:
    report = evaluate_qv(
        tmp_path, [qv_prediction(1, [0, 3, 3, 0]), qv_prediction(2, [3, 3, 0, 0])], [qv_truth(1), qv_truth(2)]
    )
    assert report.metrics["very_good_hit@1"] == 50


def test_a_report_has_all_rows_and_is_plain_json(tmp_path: Path) -> None:
    report = evaluate_qv(tmp_path, [qv_prediction()], [qv_truth()])
    assert [row.name for row in report.rows] == ROWS
    assert json.loads(json.dumps(report.as_dict()))["metrics"] == report.metrics
    assert set(report.rows[1].deviations) == set(report.metrics)


@pytest.mark.realdata
def test_qvhighlights_gives_the_published_figures(real_data: Path) -> None:
    folder = real_data / "annotations"
    report = evaluate_files(
        "qvhighlights",
        folder / "qvhighlights_sample_val_preds.jsonl",
        folder / "highlight_val_release.jsonl",
        seeds=1,
    )
    assert report.metrics["very_good_map"] == 35.65
    assert report.metrics["very_good_hit@1"] == 55.55
    rows = {row.name: row.metrics["very_good_map"] for row in report.rows}
    assert rows["random"] < rows["position prior"] < rows["predictions"] < rows["oracle"]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("protocol", "name"), [("tvsum", "tvsum_val_release"), ("youtube-highlights", "youtube_highlight_val_release")]
)
def test_umt_protocols_read_the_real_annotations(real_data: Path, tmp_path: Path, protocol: str, name: str) -> None:
    annotations = real_data / "annotations" / f"{name}.jsonl"
    records = [json.loads(line) for line in annotations.read_text().splitlines()]
    predictions = [
        {"vid": record["vid"], "pred_saliency_scores": [float(np.mean(clip)) for clip in record["label"]]}
        for record in records
    ]
    report = evaluate_files(protocol, write(tmp_path / "p.jsonl", predictions), annotations, seeds=2)
    rows = {row.name: row.metrics["map"] for row in report.rows}
    assert rows["predictions"] == pytest.approx(rows["oracle"])
    assert rows["random"] < rows["oracle"]
    if protocol == "youtube-highlights":
        assert set(report.metrics) == {"map"} | {
            f"map/{d}" for d in ("dog", "gymnastics", "parkour", "skating", "skiing", "surfing")
        }


@pytest.mark.realdata
def test_moments_baselines_on_real_moments(real_data: Path) -> None:
    records = [json.loads(line) for line in (real_data / "charades_clip" / "moments.jsonl").read_text().splitlines()]
    cases = []
    for record in records:
        grid = TimeGrid(record["duration"], 1.0)
        cases.append(moment_case(str(record["qid"]), record["vid"], np.zeros(grid.num_clips), grid, [record["window"]]))
    report = evaluate_cases(find_protocol("moments"), cases)
    rows = {row.name: row.metrics for row in report.rows}
    assert rows["oracle"] == {"hit@1": 100, "map": 100}
    assert rows["random"] == pytest.approx({"hit@1": 27.4, "map": 34.3}, abs=1)
    assert rows["position prior"] == pytest.approx({"hit@1": 36.8, "map": 48.3}, abs=1)
    assert report.notes == ()


def test_domains_are_averaged_before_the_data_set(tmp_path: Path) -> None:
    def video(vid: str, domain: str, match: list[int]) -> dict[str, object]:
        return {"vid": vid, "domain": domain, "match": match}

    truth = [video("a", "x", [1, 0]), video("b", "x", [1, 0]), video("c", "y", [0, 1])]
    predictions = [{"vid": vid, "pred_saliency_scores": [2, 1]} for vid in "abc"]
    report = evaluate_files("youtube-highlights", write(tmp_path / "p", predictions), write(tmp_path / "a", truth))
    # the second clip found first scores 1; found second: precision 0 then 1/2, so the trapezoid is 1/4
    assert report.metrics == pytest.approx({"map": 62.5, "map/x": 100, "map/y": 25})


def test_moment_labels_are_half_open() -> None:
    grid = TimeGrid(4.0, 1.0)  # centers 0.5, 1.5, 2.5, 3.5
    assert moment_labels(grid, [(0.5, 2.5)]).tolist() == [True, True, False, False]
    assert moment_labels(grid, [(0, 1), (3, 9)]).tolist() == [True, False, False, True]


def test_moments_by_hand_and_queries_without_a_clip(tmp_path: Path) -> None:
    truth = [
        {"qid": 1, "vid": "a", "query": "q", "duration": 4.0, "window": [1.0, 3.0]},
        {"qid": 2, "vid": "b", "query": "q", "duration": 4.0, "relevant_windows": [[0.6, 0.7]]},
    ]
    predictions = [{"qid": qid, "clip_seconds": 1, "pred_saliency_scores": [4, 3, 3, 0]} for qid in (1, 2)]
    report = evaluate_files("moments", write(tmp_path / "p", predictions), write(tmp_path / "a", truth))
    # the two positives share ranks 2 and 3: one step of precision 2/3
    assert report.metrics == pytest.approx({"hit@1": 0, "map": 100 * 2 / 3})
    assert report.notes == ("1 queries were left out: no clip center lies in their window",)


def mrhisum_truth() -> dict[str, object]:
    i = np.arange(37)
    scores = ((7 * i**2 + 3 * i) % 19) / 18
    summary = [0] * 30 + [1] * 5 + [0] * 2
    points = [[k, min(k + 5, 37)] for k in range(0, 37, 5)]
    return {"vid": "v", "gtscore": scores.tolist(), "change_points": points, "gt_summary": summary}


def mrhisum_predictions(folder: Path) -> Path:
    i = np.arange(37)
    scores = ((5 * i**2 + 2 * i + 4) % 17) / 16
    return write(folder / "p.jsonl", [{"vid": "v", "pred_saliency_scores": scores.tolist()}])


@pytest.mark.parametrize(
    ("protocol", "ap50", "ap15", "f1"),
    [("mrhisum", 85.4167, 50, "f1@15"), ("davihd", 85.4167, 16.6667, "f1@50"), ("triplesumm", 81.6667, 70, None)],
)
def test_mrhisum_from_json_lines(tmp_path: Path, protocol: str, ap50: float, ap15: float, f1: str | None) -> None:
    annotations = write(tmp_path / "a.jsonl", [mrhisum_truth()])
    metrics = evaluate_files(protocol, mrhisum_predictions(tmp_path), annotations).metrics
    assert metrics["map@50"] == pytest.approx(ap50, abs=5e-5)
    assert metrics["map@15"] == pytest.approx(ap15, abs=5e-5)
    assert metrics["spearman"] == pytest.approx(0.072881, abs=5e-7)
    assert metrics["kendall"] == pytest.approx(0.055831, abs=5e-7)
    assert {name for name in metrics if name.startswith("f1")} == ({f1} if f1 else set())


def write_hdf5(path: Path, videos: Sequence[str]) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for vid in videos:
            for name, value in mrhisum_truth().items():
                if name != "vid":
                    file[f"{vid}/{name}"] = np.array(value)
    return path


def test_mrhisum_from_hdf5_judges_the_predicted_videos(tmp_path: Path) -> None:
    annotations = write_hdf5(tmp_path / "a.h5", ["other", "v"])
    from_lines = evaluate_files(
        "mrhisum", mrhisum_predictions(tmp_path), write(tmp_path / "a.jsonl", [mrhisum_truth()])
    )
    from_hdf5 = evaluate_files("mrhisum", mrhisum_predictions(tmp_path), annotations)
    assert from_hdf5.num_cases == 1
    assert from_hdf5.metrics == from_lines.metrics


def test_hdf5_that_points_out_of_the_file_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    write_hdf5(tmp_path / "secret.h5", ["v"])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["v"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/v")
    with pytest.raises(ConfigError, match="is a link"):
        evaluate_files("mrhisum", mrhisum_predictions(tmp_path), tmp_path / "a.h5")


def test_hdf5_without_the_video_names_the_line(tmp_path: Path) -> None:
    annotations = write_hdf5(tmp_path / "a.h5", ["other"])
    with pytest.raises(ConfigError, match=r"line 1: .* has no video 'v'"):
        evaluate_files("mrhisum", mrhisum_predictions(tmp_path), annotations)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (qv_truth(relevant_clip_ids=[1, 4]), "integers from 0 to 3"),
        (qv_truth(saliency_scores=[[1, 2], [1, 2]]), "3 ratings"),
        (qv_truth(saliency_scores=[[1, 2, 3], [1]]), "all of one length"),
        (qv_truth(duration=1e12), "more than a day"),
        (qv_truth(duration="long"), "'duration' must be a positive number"),
        (qv_truth(vid=None), "no 'vid'"),
    ],
)
def test_a_broken_annotation_names_file_and_line(tmp_path: Path, truth: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        evaluate_qv(tmp_path, [qv_prediction(1), qv_prediction(7)], [qv_truth(7), truth])
    assert "a.jsonl, line 2" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "not JSON"),
        ("[1]", "must be a JSON object"),
        ('{"qid": 1}', "no 'pred_saliency_scores'"),
        ('{"qid": true, "pred_saliency_scores": [1]}', "text or an integer"),
        ('{"qid": 1, "pred_saliency_scores": []}', "not empty"),
        ('{"qid": 1, "pred_saliency_scores": [1, NaN]}', "not finite"),
        ('{"qid": 1, "pred_saliency_scores": ["1"]}', "list of numbers"),
        ('{"qid": 1, "pred_saliency_scores": [true]}', "list of numbers"),
        ("[" * 100_000, "not JSON"),
        ("\udcff", "not JSON"),
    ],
)
def test_a_broken_prediction_names_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\n" + line.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=message) as caught:
        evaluate_files("qvhighlights", path, write(tmp_path / "a.jsonl", [qv_truth()]))
    assert "p.jsonl, line 2" in str(caught.value)


def test_items_of_one_file_only_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no prediction for 1 of 2 items .*: '2'"):
        evaluate_qv(tmp_path, [qv_prediction(1)], [qv_truth(1), qv_truth(2)])
    with pytest.raises(ConfigError, match=r"line 2: 1 items are not in .*: '3'"):
        evaluate_qv(tmp_path, [qv_prediction(1), qv_prediction(3)], [qv_truth(1)])
    with pytest.raises(ConfigError, match="line 2: qid '1' was already given on line 1"):
        evaluate_qv(tmp_path, [qv_prediction(1), qv_prediction(1)], [qv_truth(1)])


def test_what_is_predicted_is_judged_where_that_is_asked_for_and_counted(tmp_path: Path) -> None:
    """As with `evaluate --preset`: a training's own predictions are of its test part."""
    predictions = write(tmp_path / "p.jsonl", [qv_prediction(2)])
    truth = write(tmp_path / "a.jsonl", [qv_truth(1), qv_truth(2)])
    with pytest.raises(ConfigError, match="--allow-missing judges the others"):
        evaluate_files("qvhighlights", predictions, truth)
    report = evaluate_files("qvhighlights", predictions, truth, allow_missing=True)
    assert [row.name for row in report.rows] == [f"{name} (1 of 2 items)" for name in ROWS]
    assert report.metrics == evaluate_qv(tmp_path, [qv_prediction(2)], [qv_truth(2)]).metrics
    with pytest.raises(ConfigError, match="no prediction for 1 of 1 items"):
        evaluate_files("qvhighlights", predictions, write(tmp_path / "a.jsonl", [qv_truth(3)]), allow_missing=True)


def test_absent_and_empty_files(tmp_path: Path) -> None:
    annotations = write(tmp_path / "a.jsonl", [qv_truth()])
    with pytest.raises(ConfigError, match=r"none\.jsonl: cannot be read"):
        evaluate_files("qvhighlights", tmp_path / "none.jsonl", annotations)
    with pytest.raises(ConfigError, match="holds no lines"):
        evaluate_files("qvhighlights", write(tmp_path / "p.jsonl", []), annotations)


def test_an_unknown_protocol_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="known: qvhighlights, tvsum"):
        find_protocol("qv")


def test_scores_must_fit_the_grid(tmp_path: Path) -> None:
    truth = write(tmp_path / "a", [{"qid": 1, "vid": "a", "duration": 4.2, "window": [1, 2]}])
    predictions = write(tmp_path / "p", [{"qid": 1, "clip_seconds": 1, "pred_saliency_scores": [1, 2, 3, 4]}])
    with pytest.raises(ConfigError, match=r"line 1: 4 scores, but 4\.2 s hold 5 clips of 1 s"):
        evaluate_files("moments", predictions, truth)


def test_mrhisum_change_points_must_be_spans_within_the_video(tmp_path: Path) -> None:
    for points in ([[0, 99]], [[5, 3]], [[4, 8], [2, 6]], [[0, 1, 2]], [[37, 37]]):
        annotations = write(tmp_path / "a.jsonl", [mrhisum_truth() | {"change_points": points}])
        with pytest.raises(ConfigError, match=r"line 1: 'change_points' must be"):
            evaluate_files("mrhisum", mrhisum_predictions(tmp_path), annotations)


def test_every_protocol_states_its_source_and_format() -> None:
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.source
        assert "pred_saliency_scores" in json.loads(
            protocol.predictions_format.replace("[one", '["one')
            .replace("clip]", 'clip"]')
            .replace("second]", 'second"]')
        )


def cases_with_late_moments(count: int) -> list:
    grid = TimeGrid(20.0, 1.0)
    return [moment_case(str(i), f"v{i}", np.zeros(20), grid, [(15, 20)]) for i in range(count)]


def test_the_position_prior_learns_from_other_videos_only() -> None:
    early = moment_case("x", "a", np.zeros(20), TimeGrid(20.0, 1.0), [(0, 5)])
    prior = position_prior([early, *cases_with_late_moments(4)])[0]
    # its own moment at the start must not leak into its prior
    assert prior.scores[:15].max() == 0
    assert prior.scores[15:].min() > 0


def test_one_video_has_a_flat_prior() -> None:
    assert not position_prior(cases_with_late_moments(1))[0].scores.any()


def test_random_scores_depend_on_seed_and_key_only() -> None:
    cases = cases_with_late_moments(3)
    forward = {case.key: case.scores.tolist() for case in random_scores(cases, 1)}
    backward = {case.key: case.scores.tolist() for case in random_scores(cases[::-1], 1)}
    assert forward == backward
    assert forward["0"] != forward["1"]
    assert forward["0"] != random_scores(cases, 2)[0].scores.tolist()


def test_a_video_without_highlights_counts_as_zero_in_davihd() -> None:
    grid, found = TimeGrid(20.0, 1.0), find_protocol("davihd")
    case = moment_case("1", "v", np.arange(20.0), grid, [(15, 20)])
    empty = moment_case("2", "w", np.arange(20.0), grid, [])
    alone, both = found.measure([case]), found.measure([case, empty])
    assert alone["map@50"] > 0
    assert both == pytest.approx({name: value / 2 for name, value in alone.items()})
    assert found.notes([case, empty]) == ("1 videos count as 0: their true scores are all 0",)


@pytest.mark.parametrize("protocol", ["moments", "mrhisum", "davihd", "triplesumm"])
def test_cases_in_memory_may_lack_scores_for_the_tail(protocol: str) -> None:
    grid = TimeGrid(12.0, 1.0)
    whole = moment_case("1", "v", np.append(np.arange(10.0), [0, 0]), grid, [(4, 11)])
    found = find_protocol(protocol)
    assert found.measure([whole.scored(whole.scores[:10])]) == found.measure([whole])
    assert found.measure([whole.scored(np.append(whole.scores, 99.0))]) == found.measure([whole])


def test_without_h5py_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = write_hdf5(tmp_path / "a.h5", ["v"])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        ConfigError, match=r"a\.h5: reading HDF5 needs the package h5py: run `pip install 'highlightr\[train\]'`"
    ):
        evaluate_files("mrhisum", mrhisum_predictions(tmp_path), annotations)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LONGEST_LINE_BYTES", 100)
    path = write(tmp_path / "p.jsonl", [qv_prediction(scores=[0.5] * 100)])
    with pytest.raises(ConfigError, match=r"p\.jsonl, line 1: longer than 100 bytes"):
        evaluate_files("qvhighlights", path, write(tmp_path / "a.jsonl", [{"qid": 1}]))


@pytest.mark.parametrize("external", [True, False])
def test_hdf5_data_kept_in_other_files_is_refused(tmp_path: Path, external: bool) -> None:
    h5py = pytest.importorskip("h5py")
    (tmp_path / "raw.bin").write_bytes(np.zeros(37).tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if external:
            where = [(str(tmp_path / "raw.bin"), 0, 37 * 8)]
            file.create_group("v").create_dataset("gtscore", (37,), dtype="f8", external=where)
        else:
            file["elsewhere"] = np.zeros(37)
            file.create_group("v")["gtscore"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(ConfigError, match=r"is a link|keeps its data in another file"):
        evaluate_files("mrhisum", mrhisum_predictions(tmp_path), tmp_path / "a.h5")
