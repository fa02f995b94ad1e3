"""Pins, receipts and locks in the home folder."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from highlightr.core.errors import WeightsError
from highlightr.zoo.records import (
    InstallRecord,
    Pin,
    lock,
    pin,
    pins,
    pins_file,
    read_install_record,
    weights_folder,
    write_install_record,
    write_json,
)

RECEIPT = InstallRecord("net", "net.pth", "0" * 64, 10, "https://a.example/net.pth", "net.safetensors", "1" * 64, 12)


def test_pins_are_kept_side_by_side() -> None:
    assert pins() == {}
    pin("a", Pin("0" * 64, 1, "https://a.example"))
    pin("b", Pin("1" * 64, 2, "https://b.example"))
    assert {name: value.size_bytes for name, value in pins().items()} == {"a": 1, "b": 2}


def test_pins_made_at_the_same_time_are_all_kept() -> None:
    threads = [threading.Thread(target=pin, args=(f"n{i}", Pin("0" * 64, i, "u"))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pins()) == [f"n{i}" for i in range(8)]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": {"sha": 1}}', "\x00"])
def test_damaged_pins_are_an_error(text: str) -> None:
    pins_file().parent.mkdir(parents=True)
    pins_file().write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"cannot read the pins at .*repair the file"):
        pins()


def test_a_receipt_comes_back() -> None:
    assert read_install_record("net") is None
    write_install_record(RECEIPT)
    assert read_install_record("net") == RECEIPT
    (weights_folder("net") / "receipt.json").write_text("{}", encoding="utf-8")
    assert read_install_record("net") is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_lock_keeps_others_out_until_it_is_free() -> None:
    with lock("net"):
        with pytest.raises(WeightsError, match=r"busy with net for 0\.2 s"), lock("net", timeout_seconds=0.2):
            pass
        with lock("other", timeout_seconds=0.2):
            pass
    with lock("net", timeout_seconds=0.2):
        pass


def test_a_lock_is_free_after_an_error() -> None:
    with pytest.raises(RuntimeError), lock("net"):
        raise RuntimeError
    with lock("net", timeout_seconds=0.2):
        pass
