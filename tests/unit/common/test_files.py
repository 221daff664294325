# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file change is wholly visible or not at all, for readers beside it and after a kill at any point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._common.files import (
    link_atomic,
    read_state,
    write_atomic,
    write_state,
)

MUTATIONS = ("open", "fchmod", "fsync", "rename", "symlink", "close")

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from ansible_collections.slipway.release.plugins.module_utils._common import files

left = int(sys.argv[1])

def counted(real):
    def call(*args, **kwargs):
        global left
        result = real(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

for name in {mutations}:
    setattr(os, name, counted(getattr(os, name)))
{action}
"""


def killed_after(calls: int, action: str) -> bool:
    """Do the action in a process that is killed after so many system calls; tell whether it was."""
    script = KILLED_AT.format(mutations=MUTATIONS, action=action)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = subprocess.run([sys.executable, "-c", script, str(calls)], env=environment, check=False).returncode
    assert code in (0, -9)
    return code == -9


def test_content_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"one", mode=0o600)
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o7777 == 0o600
    write_atomic(path, b"two", mode=0o644)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o7777 == 0o644
    assert os.listdir(tmp_path) == ["file"]


def test_the_content_is_durable_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1])
    write_atomic(tmp_path / "file", b"content")
    assert calls == ["fsync", "rename", "fsync"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_killed_after_any_call_the_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    seen = set()
    calls = 0
    alive = False
    while not alive:
        calls += 1
        path.write_bytes(b"old" * 10_000)
        alive = not killed_after(calls, f"files.write_atomic(Path({str(path)!r}), b'new' * 10_000)")
        content = path.read_bytes()
        assert content in (b"old" * 10_000, b"new" * 10_000)
        seen.add(content[:3])
    assert seen == {b"old", b"new"}
    assert calls > 4


def test_killed_after_any_call_the_link_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "link"
    seen = set()
    calls = 0
    alive = False
    while not alive:
        calls += 1
        link_atomic(path, "old")
        alive = not killed_after(calls, f"files.link_atomic(Path({str(path)!r}), 'new')")
        seen.add(os.readlink(path))
    assert seen == {"old", "new"}
    assert calls > 2


def count_odd_readings(path: Path, allowed: set[bytes], change: Any, rounds: int = 300) -> int:
    """Change the path often beside a reader; how often the reader saw what it never should."""
    odd = 0
    done = threading.Event()

    def read() -> None:
        nonlocal odd
        while not done.is_set():
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                odd += 1
                continue
            odd += content not in allowed

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(rounds):
            change(number)
    finally:
        done.set()
        reader.join()
    return odd


def test_a_reader_never_sees_half_a_file_nor_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [b"a" * 200_000, b"b" * 100_000]
    write_atomic(path, versions[0])
    assert count_odd_readings(path, set(versions), lambda number: write_atomic(path, versions[number % 2])) == 0


def test_control_the_reader_notices_a_plain_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [b"a" * 200_000, b"b" * 100_000]
    path.write_bytes(versions[0])
    assert count_odd_readings(path, set(versions), lambda number: path.write_bytes(versions[number % 2])) > 0


def test_a_reader_never_misses_a_link(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name, encoding="ascii")
    link = tmp_path / "link"
    link_atomic(link, "a")
    assert count_odd_readings(link, {b"a", b"b"}, lambda number: link_atomic(link, "ab"[number % 2])) == 0


def test_a_link_that_a_killed_process_left_behind_does_not_hinder(tmp_path: Path) -> None:
    (tmp_path / f".link.{os.getpid()}.link").symlink_to("stale")
    link_atomic(tmp_path / "link", "new")
    assert os.readlink(tmp_path / "link") == "new"
    assert os.listdir(tmp_path) == ["link"]


def test_state_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_state(path, 2, {"generation": 7, "name": "Größe"}, mode=0o600)
    assert read_state(path, 2) == {"schema": 2, "generation": 7, "name": "Größe"}
    assert path.stat().st_mode & 0o7777 == 0o600


def test_no_state_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path / "state.json", 1) is None


def test_an_older_schema_is_handed_to_the_caller(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", 1, {})
    assert read_state(tmp_path / "state.json", 3) == {"schema": 1}


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", 2, {})
    with pytest.raises(StateError) as caught:
        read_state(tmp_path / "state.json", 1)
    assert "schema 2" in caught.value.what
    assert "upgrade" in caught.value.remedy


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", "{}", json.dumps({"schema": "1"}), '{"schema": 1'])
def test_what_is_no_state_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content, encoding="ascii")
    with pytest.raises(StateError) as caught:
        read_state(path, 1)
    assert caught.value.where == str(path)
