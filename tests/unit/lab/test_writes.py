# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How writes are named, and which openings of files are none."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab import machine, writes
from lab.plan import Host
from lab.writes import OPENAT, Write, came_over_ssh, opens_to_write, short_name, started_us


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/var/lib/slipway/ledger/shop/.lease.json.ab12cd_9", "ledger/lease.json"),
        ("/var/lib/slipway/ledger/shop/deployments/20261121T205732Z-3b7821/events.jsonl", "ledger/events.jsonl"),
        ("/var/lib/slipway/ledger/shop/deployments/20261121T205732Z-3b7821/.plan.json.abcdefgh", "ledger/plan.json"),
        ("/var/lib/slipway/balancer/shop/journal.jsonl", "balancer/journal.jsonl"),
        ("/var/lib/slipway/application/shop/.token.abcdefgh", "application/token"),
    ],
)
def test_a_file_is_named_without_application_deployment_and_temporary_name(path: str, name: str) -> None:
    assert short_name(Path(path)) == name


def test_a_write_can_be_named_on_a_command_line() -> None:
    write = Write("app1", "application/journal.jsonl", 3)
    assert str(write) == "app1:application/journal.jsonl:3"
    assert Write.parse(str(write)) == write


def test_a_thread_that_opens_for_reading_or_nothing_does_not_write(tmp_path: Path) -> None:
    """A pipe without a peer keeps whoever opens it waiting in the call, as the watch does."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = {}
    for name, flags, peer in (("reads", os.O_RDONLY, os.O_WRONLY), ("writes", os.O_WRONLY, os.O_RDONLY)):
        thread = threading.Thread(target=lambda flags=flags: os.close(os.open(pipe, flags)))
        thread.start()
        while waits_in(thread) not in OPENAT:
            time.sleep(0.01)
        found[name] = opens_to_write(thread.native_id or 0)
        os.close(os.open(pipe, peer))
        thread.join()
    assert found == {"reads": False, "writes": True}


def test_a_process_is_as_old_as_it_is() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    with subprocess.Popen(["sleep", "60"]) as process:
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        tick = 1_000_000 // os.sysconf("SC_CLK_TCK")
        assert before - tick <= started_us(process.pid) <= after
        process.kill()
    assert started_us(process.pid) == 0


def test_what_has_ended_neither_writes_nor_came_over_ssh() -> None:
    ended = threading.Thread(target=lambda: None)
    ended.start()
    ended.join()
    assert not opens_to_write(ended.native_id or 0)
    assert not came_over_ssh(ended.native_id or 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hold what others open")
def test_a_writer_that_is_killed_before_it_is_asked_about_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "application" / "shop"
    directory.mkdir(parents=True)
    monkeypatch.setattr(writes, "STATE", str(tmp_path))
    monkeypatch.setattr(machine, "leader", lambda _host: os.getpid())
    group = writes._Group(Host("lab", "app1", 1), "shop")
    found: list[tuple[int, int]] = []
    asking = threading.Thread(target=lambda: found.extend(group.opened()), daemon=True)
    with subprocess.Popen([sys.executable, "-c", f"open('{directory}/journal.jsonl', 'w')"]) as writer:
        assert select.select([group.descriptor], [], [], 60)[0]
        writer.kill()
    asking.start()
    asking.join(10)
    assert (asking.is_alive(), found) == (False, [])
    group.close()


def waits_in(thread: threading.Thread) -> str:
    """The number of the system call that a thread is in."""
    return Path(f"/proc/self/task/{thread.native_id}/syscall").read_text(encoding="ascii").split()[0]
