# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch killed after every mutating system call: one consistent state is served, and one more run completes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info

from .conftest import Host, get

CALLS = (
    "mkdir,mkdirat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "write,pwrite64,fsync,fdatasync,fchmod,chmod,fchown,ftruncate,flock,creat"
)
MANY = 40
DRIVER = str(Path(__file__).with_name("driver.py"))
SWITCHES = [pytest.param(100, 0, id="all to green"), pytest.param(0, 60, id="most to blue")]


def driver(host: Host, blue: int) -> list[str]:
    return [sys.executable, "-B", DRIVER, f"/etc/slipway/balancer/{host.config.app}.json", str(blue)]


def converge(host: Host, blue: int) -> dict[str, Any]:
    done = subprocess.run(driver(host, blue), check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def points(host: Host, blue: int, log: Path) -> list[tuple[str, int]]:
    """Every mutating call of one undisturbed switch, by name and number; of long rows, the ends and some between."""
    before = host.balancer.live().percents["blue"]
    subprocess.run(["strace", "-f", "-o", str(log), "-e", f"trace={CALLS}", *driver(host, blue)], check=True)
    converge(host, before)
    counted = Counter(re.findall(r"^\d+ +([a-z0-9]+)\(", log.read_text(), re.MULTILINE))
    found = []
    for name, count in counted.items():
        step = max(1, count // MANY * 5)
        found += [(name, number) for number in sorted({1, 2, *range(1, count, step), count - 1, count}) if number > 0]
    return found


def leftovers(host: Host) -> list[str]:
    """What a killed run left and the next change did not remove."""
    found = list(host.balancer.directory.rglob(".*"))
    generations = [path for path in (host.balancer.directory / "generations").iterdir() if path.name.isdigit()]
    return [str(path) for path in found] + [str(path) for path in sorted(generations)[:-3]]


@pytest.mark.parametrize(("before", "after"), SWITCHES)
def test_killed_anywhere_it_serves_one_state_and_converges(host: Host, tmp_path: Path, before: int, after: int) -> None:
    converge(host, before)
    killed = 0
    took: list[int] = []
    again: list[int] = []
    for name, number in points(host, after, tmp_path / "log"):
        old = host.routes()
        inject = f"inject={name}:signal=KILL:when={number}"
        ended = subprocess.run(
            ["strace", "-f", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject, *driver(host, after)],
            check=False,
            capture_output=True,
        )
        killed += ended.returncode == -9 or ended.returncode == 137
        served = host.routes()
        slots = {
            slot: sum(count for server, count in served.items() if server.startswith(slot))
            for slot in ("blue", "green")
        }
        assert slots["blue"] in (before * 10, after * 10), f"{name} {number}: {served}"
        assert served == old or slots["blue"] == after * 10, f"{name} {number}"
        assert get()[0] == 200
        first, second = converge(host, after), converge(host, after)
        took.append(first["ms"])
        again.append(second["ms"])
        assert not second["changed"], f"{name} {number}"
        assert info(host.balancer)["consistent"], f"{name} {number}"
        converge(host, before)
        assert leftovers(host) == [], f"{name} {number}"
    print(f"killed {killed} times; converged in at most {max(took)} ms, then {max(again)} ms without a change")
    assert killed >= 40


def test_a_swap_that_is_not_atomic_is_seen(host: Host) -> None:
    """Negative control of the test above: links edited one by one show a state that nobody asked for."""
    converge(host, 100)
    for bucket in range(500):
        link = host.balancer.directory / f"current/b{bucket:03d}"
        link.unlink()
        os.symlink("../../servers/green-app1", link)
    served = host.routes()
    assert sum(count for server, count in served.items() if server.startswith("blue")) not in (1000, 0)
    assert not info(host.balancer)["consistent"]
