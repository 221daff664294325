# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What append has returned is durable and chained; what a crash leaves half-done is finished by the next writer."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import log as log_module
from ansible_collections.slipway.release.plugins.module_utils._audit import record, store
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import INTACT, verify
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StateError,
    SystemFailure,
)

from .made import an_event, files, filled, lines, log


def operations(path: Path) -> list[str]:
    """The operation of each line of a segment."""
    return [json.loads(line)["event"]["operation"] for line in lines(path)]


def intact(directory: Path) -> bool:
    """Whether the log proves right up to its end."""
    head = log(directory).head()
    found = verify(files(directory), {head.seq: head.hash})
    return found.verdict == INTACT and found.records == head.seq


def test_a_log_begins_with_where_it_is(tmp_path: Path) -> None:
    done = log(tmp_path).append([an_event()])
    assert done.head.seq == 2
    first = json.loads(lines(files(tmp_path).current)[0])["event"]
    assert first["operation"] == "log.open"
    assert len(first["details"]["log"]) == 32
    assert files(tmp_path).current.stat().st_mode & 0o777 == 0o600
    assert files(tmp_path).top.stat().st_mode & 0o777 == 0o700


def test_a_batch_is_one_write_and_one_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = log(tmp_path)
    writer.append([an_event()])
    calls: list[str] = []
    write, fsync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda *given: (calls.append("write"), write(*given))[1])
    monkeypatch.setattr(os, "fsync", lambda *given: (calls.append("fsync"), fsync(*given))[1])
    done = writer.append([an_event(number) for number in range(100)])
    assert calls == ["write", "fsync"]
    assert len(done.hashes) == 100 and done.head.seq == 102
    assert intact(tmp_path)


def test_each_event_has_its_hash_in_the_result(tmp_path: Path) -> None:
    done = log(tmp_path).append([an_event(1), an_event(2)])
    assert [json.loads(line)["hash"] for line in lines(files(tmp_path).current)][1:] == list(done.hashes)


def test_rotation_carries_the_chain_on_and_packs(tmp_path: Path) -> None:
    writer = log(tmp_path, rotate=2000)
    for number in range(20):
        writer.append([an_event(number)])
    closed = files(tmp_path).closed()
    assert len(closed) > 2 and all(path.name.endswith(".jsonl.gz") for path in closed.values())
    assert operations(files(tmp_path).current)[0] == "segment.open"
    first = gzip.decompress(closed[1].read_bytes()).splitlines()
    assert json.loads(first[-1])["event"]["operation"] == "segment.close"
    second = gzip.decompress(closed[2].read_bytes()).splitlines()
    assert json.loads(second[0])["chain"]["prev_hash"] == json.loads(first[-1])["hash"]
    assert intact(tmp_path)


def test_a_torn_line_is_put_aside_and_told_of(tmp_path: Path) -> None:
    filled(tmp_path)
    torn = b'{"chain":{"prev_hash":"12'
    with files(tmp_path).current.open("ab") as handle:
        handle.write(torn)
    done = log(tmp_path).append([an_event()])
    assert done.recovered == 1
    told = json.loads(lines(files(tmp_path).current)[-2])["event"]
    sha256 = hashlib.sha256(torn).hexdigest()
    assert told["operation"] == "recovery"
    assert told["details"] == {"bytes": len(torn), "file": f"{sha256}.torn", "sha256": sha256}
    assert (files(tmp_path).quarantine / f"{sha256}.torn").read_bytes() == torn
    assert intact(tmp_path)
    assert log(tmp_path).append([an_event()]).recovered == 0


def test_a_torn_line_is_told_of_when_the_writer_that_put_it_aside_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    with files(tmp_path).current.open("ab") as handle:
        handle.write(b"torn")
    with monkeypatch.context() as dying:
        dying.setattr(os, "ftruncate", _die)
        with pytest.raises(Died):
            log(tmp_path).append([an_event()])
    with monkeypatch.context() as dying:
        dying.setattr(os, "write", _die_at(b"recovery"))
        with pytest.raises(Died):
            log(tmp_path).append([an_event()])
    assert log(tmp_path).append([an_event()]).recovered == 1
    assert intact(tmp_path)


class Died(BaseException):
    """The writer was killed here."""


def _die(*_given: Any) -> None:
    raise Died


def _die_at(words: bytes) -> Any:
    write = os.write

    def dying(descriptor: int, data: bytes) -> int:
        if words in data:
            raise Died
        return write(descriptor, data)

    return dying


@pytest.mark.parametrize("step", range(6))
def test_a_rotation_that_dies_anywhere_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The steps are: the closing record, the rename, both fsyncs, the opening record, and packing."""
    writer = log(tmp_path)
    writer.append([an_event(number) for number in range(5)])
    with monkeypatch.context() as dying:
        if step == 0:
            dying.setattr(os, "write", _die_at(b"segment.close"))
        elif step == 1:
            dying.setattr(os, "rename", _die)
        elif step in (2, 3):
            calls: list[int] = []
            sync = log_module.fsync_directory

            def syncing(directory: Path) -> None:
                calls.append(1)
                if len(calls) == step - 1:
                    raise Died
                sync(directory)

            dying.setattr(log_module, "fsync_directory", syncing)
        elif step == 4:
            dying.setattr(os, "write", _die_at(b"segment.open"))
        else:
            dying.setattr(log_module, "fsync_file", _die)
        with pytest.raises(Died):
            writer.rotate()
    assert log(tmp_path).append([an_event(7)]).head.segment == (1 if step == 0 else 2)
    assert intact(tmp_path)
    log(tmp_path).rotate()
    assert intact(tmp_path)
    assert not list(files(tmp_path).segments.glob("*.jsonl"))


def test_what_cannot_be_written_whole_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    before = files(tmp_path).current.read_bytes()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 300:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as failing:
        failing.setattr(os, "write", full)
        with pytest.raises(SystemFailure, match="No space left"):
            log(tmp_path).append([an_event(number) for number in range(10)])
    assert files(tmp_path).current.read_bytes() == before
    assert log(tmp_path).append([an_event()]).recovered == 0
    assert intact(tmp_path)


@pytest.mark.parametrize(
    "end",
    [b"garbage\n", b'{"a":1}\n', b"\n"],
)
def test_nothing_is_appended_to_what_is_no_record(tmp_path: Path, end: bytes) -> None:
    filled(tmp_path)
    with files(tmp_path).current.open("ab") as handle:
        handle.write(end)
    with pytest.raises(StateError, match="cannot be followed"):
        log(tmp_path).append([an_event()])


def test_nothing_is_appended_to_a_record_that_was_edited(tmp_path: Path) -> None:
    filled(tmp_path)
    current = files(tmp_path).current
    current.write_bytes(current.read_bytes().replace(b'"success"', b'"failure"'))
    with pytest.raises(StateError, match="edited"):
        log(tmp_path).append([an_event()])


def test_a_segment_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    filled(tmp_path, pack=True)
    files(tmp_path).current.unlink()
    with pytest.raises(StateError, match="gone"):
        log(tmp_path).append([an_event()])


def test_a_segment_that_the_next_writer_has_to_follow_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One writer packs what it has rotated, while another one rotates and is killed."""
    filled(tmp_path)
    with monkeypatch.context() as dying:
        dying.setattr(os, "write", _die_at(b"segment.open"))
        with pytest.raises(Died):
            log(tmp_path, pack=False).rotate()
    log(tmp_path)._pack()
    assert [path.suffix for path in files(tmp_path).closed().values()] == [".gz", ".gz", ".jsonl"]
    log(tmp_path).append([an_event()])
    assert intact(tmp_path)


def test_the_end_is_what_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever signs the end of a log while a write fails must not sign what is taken back."""
    head = filled(tmp_path)
    seen: list[record.Head] = []
    reader = threading.Thread(target=lambda: seen.append(log(tmp_path).head()))
    sync = os.fsync

    def failing(descriptor: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            sync(descriptor)
            return
        reader.start()
        reader.join(0.3)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", failing)
        with pytest.raises(SystemFailure):
            log(tmp_path).append([an_event()])
        reader.join()
    assert seen == [head]


def test_the_end_of_a_large_record_is_found(tmp_path: Path) -> None:
    writer = log(tmp_path)
    writer.append([an_event(details={"text": "x" * (record.LARGEST - 2000)})])
    writer.append([an_event()])
    assert intact(tmp_path)


def test_a_lock_that_is_held_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    held, refused = store.locked(files(tmp_path).lock), store.locked(files(tmp_path).lock, timeout=0.05)
    with held, pytest.raises(StateError, match="kept the lock"), refused:
        pass


@pytest.mark.parametrize("stream", ["", "..", "a/b", "Ä", "-x", "a" * 64, "UPPER"])
def test_a_stream_cannot_be_another_path(tmp_path: Path, stream: str) -> None:
    with pytest.raises(InputError):
        store.Files(tmp_path, stream)
