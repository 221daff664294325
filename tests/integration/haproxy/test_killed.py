# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch killed at each of its mutating system calls: requests are answered, and the next run completes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .conftest import CONFIG, Host, ask

CALLS = "write,pwrite64,fsync,fdatasync,rename,unlink,mkdir,fchmod,ftruncate,flock,connect,sendto,shutdown"
BEFORE: dict[str, Any] = {
    "percents": {"blue": 100, "green": 0},
    "stable": "blue",
    "servers": {"green-app1": "quarantine", "green-app2": "drain"},
}
AFTER: dict[str, Any] = {
    "percents": {"blue": 0, "green": 100},
    "stable": "green",
    "servers": {"green-app1": "ready", "green-app2": "ready", "blue-app1": "drain", "blue-app2": "quarantine"},
}
CHILD = """
import json, sys
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import HAProxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
verb, config, change = json.loads(sys.argv[1])
balancer = HAProxy(BalancerConfig.from_dict(config))
if verb == "switch":
    switch(balancer, Fence(balancer.directory, 2), Change(**change))
else:
    getattr(balancer, verb)()
"""


def traced(log: Path, verb: str, inject: str = "") -> subprocess.CompletedProcess[str]:
    """The change in a process of its own, under strace."""
    argument = json.dumps([verb, CONFIG.to_dict(), AFTER])
    options = ["-e", f"inject={inject}"] if inject else []
    argv = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *options, sys.executable, "-B", "-c", CHILD]
    return subprocess.run([*argv, argument], check=False, capture_output=True, text=True)


def counted(log: Path) -> Counter[str]:
    """How often each call was made by the thread that made it most: strace counts them for each thread."""
    calls = re.findall(r"^(\d+) +(\w+)\(", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    most: Counter[str] = Counter()
    for (_thread, name), count in Counter(calls).items():
        most[name] = max(most[name], count)
    return most


def begin(host: Host) -> None:
    """The state before the change, with the token of an older deployment."""
    host.reset()
    host.switch(force=True, **BEFORE)


def test_a_switch_killed_anywhere_is_completed_by_the_next_run(host: Host, tmp_path: Path) -> None:
    begin(host)
    whole = traced(tmp_path / "whole", "switch")
    assert whole.returncode == 0, whole.stderr
    calls = counted(tmp_path / "whole")
    points = [(name, number) for name, count in sorted(calls.items()) for number in range(1, count + 1)]
    assert len(points) > 30 and {"rename", "fsync", "sendto"} <= set(calls)
    before, after = BEFORE["percents"], AFTER["percents"]
    served: Counter[str] = Counter()
    for name, number in points:
        begin(host)
        done = traced(tmp_path / "killed", "switch", f"{name}:signal=SIGKILL:when={number}")
        assert done.returncode == -9, (name, number, done.returncode, done.stderr)
        live = host.balancer.live()
        assert live.percents in (before, after) and live.generation > 0, (name, number, live)
        assert {ask()[0] for _round in range(10)} == {200}, (name, number)
        recorded = host.balancer.recorded()
        assert live.percents == before or (recorded and recorded.percents == after), "recorded before it is done"
        served["after" if live.percents == after else "before"] += 1
        host.token = 2
        outcome = host.switch(**AFTER)
        assert outcome.verified and host.balancer.live().percents == after, (name, number)
        assert host.balancer.live().usable == {"blue": (), "green": ("green-app1", "green-app2")}
        assert not host.switch(**AFTER).changed, (name, number)
        assert not [path for path in host.balancer.directory.iterdir() if path.name.startswith(".")], (name, number)
    print(f"{len(points)} points; after the kill HAProxy served {dict(served)}")
    assert min(served["before"], served["after"]) > 0, "kills fell on both sides of the change"


@pytest.mark.parametrize("verb", ["open", "close"])
def test_opening_and_closing_killed_anywhere_is_completed_by_the_next_run(
    host: Host, tmp_path: Path, verb: str
) -> None:
    def opposite() -> None:
        (host.balancer.close if verb == "open" else host.balancer.open)()

    opposite()
    assert traced(tmp_path / "whole", verb).returncode == 0
    for name, count in sorted(counted(tmp_path / "whole").items()):
        for number in range(1, count + 1):
            opposite()
            traced(tmp_path / "killed", verb, f"{name}:signal=SIGKILL:when={number}")
            getattr(host.balancer, verb)()
            assert host.balancer.live().open == (verb == "open")
            assert ask()[0] == (200 if verb == "open" else 503)


def test_a_start_after_a_kill_serves_what_is_recorded(host: Host, tmp_path: Path) -> None:
    """Recorded first, so a restart between the record and the running process completes the change."""
    begin(host)
    connects = counted_connects(host, tmp_path)
    begin(host)
    traced(tmp_path / "killed", "switch", f"connect:signal=SIGKILL:when={connects}")
    recorded = host.balancer.recorded()
    assert recorded is not None and recorded.percents == AFTER["percents"]
    host.restart()
    assert host.balancer.agrees(recorded, host.balancer.live())


def counted_connects(host: Host, tmp_path: Path) -> int:
    """The number of the first connection after the last rename."""
    assert traced(tmp_path / "whole", "switch").returncode == 0
    names = re.findall(r"^\d+ +(\w+)\(", (tmp_path / "whole").read_text(encoding="utf-8"), re.MULTILINE)
    last = len(names) - 1 - names[::-1].index("rename")
    return names[:last].count("connect") + 1
