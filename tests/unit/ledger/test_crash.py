# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger killed at every change it makes, and begun by many at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import LeaseError
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger

from tests.unit.ledger.made import SetClock, parking_plan_of, plan_of

CHANGES = ((os, "mkdir"), (os, "rename"), (os, "fsync"), (os, "fchmod"), (os, "write"), (tempfile, "mkstemp"))
HOLD = 60


def in_child(action: Callable[[], int]) -> int:
    """Wait status of a forked child that ends with the number ``action`` returns."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = action()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def kill_at(nth: int) -> None:
    """Make this process die by SIGKILL: even numbers before the change number nth / 2, odd ones right after it."""
    seen = 0

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if nth == 2 * seen - 2:
                os.kill(os.getpid(), signal.SIGKILL)
            number = seen
            try:
                return real(*arguments, **options)
            finally:
                if nth == 2 * number - 1:
                    os.kill(os.getpid(), signal.SIGKILL)

        return change

    for module, name in CHANGES:
        setattr(module, name, dying(getattr(module, name)))


def fresh(_ledger: Ledger, _clock: SetClock) -> None:
    """No ledger yet."""


def after_two(ledger: Ledger, _clock: SetClock) -> None:
    """Two deployments have ended, nothing is open."""
    for version, origin in (("0.8", None), ("0.9", "0.8")):
        begun = ledger.begin(plan_of(version, origin=origin), "ann@pc", HOLD)
        ledger.finish(begun.deployment, begun.token, "active")


def under_way(ledger: Ledger, clock: SetClock) -> None:
    """A third one holds the lease."""
    after_two(ledger, clock)
    begun = ledger.begin(plan_of("1.0", origin="0.9"), "ann@pc", HOLD)
    ledger.commit(begun.deployment, begun.token, "place", {})


def expired(ledger: Ledger, clock: SetClock) -> None:
    """The third one has lost its lease."""
    under_way(ledger, clock)
    clock.pass_seconds(HOLD)


def begin(ledger: Ledger) -> None:
    ledger.begin(plan_of("1.0", origin="0.9"), "bob@pc", HOLD)


def begin_another(ledger: Ledger) -> None:
    unfinished = ledger.info()["unfinished"]
    ledger.begin(plan_of("2.0", origin="0.9"), "bob@pc", HOLD, abandon=unfinished["deployment"])


def commit(ledger: Ledger) -> None:
    lease = ledger.info()["lease"]
    ledger.commit(lease["deployment"], lease["token"], "switch", {"generation": 7})


def renew(ledger: Ledger) -> None:
    lease = ledger.info()["lease"]
    ledger.renew(lease["deployment"], lease["token"])


def finish(ledger: Ledger) -> None:
    lease = ledger.info()["lease"]
    ledger.finish(lease["deployment"], lease["token"], "active")


def release(ledger: Ledger) -> None:
    ledger.release("enough")


SITUATIONS = [
    (fresh, begin),
    (after_two, begin),
    (expired, begin),
    (expired, begin_another),
    (under_way, commit),
    (under_way, renew),
    (under_way, finish),
    (under_way, release),
]


def assert_consistent(ledger: Ledger, clock: SetClock, token_before: int, active_before: Any) -> None:
    info = ledger.info()
    identifiers = [entry["id"] for entry in info["state"]["deployments"]]
    assert len(identifiers) == len(set(identifiers))
    assert token_before <= info["token"] <= token_before + 1
    if info["unfinished"]:
        assert info["unfinished"]["deployment"] not in identifiers
        assert info["unfinished"]["plan"]["to"]["version"] in ("1.0", "2.0")
    done = [entry for entry in info["state"]["deployments"] if entry["to"]["version"] == "1.0"]
    if not done:
        assert info["state"]["active"] == active_before
    if done and done[0]["result"] == "active":
        assert not ledger.finish(done[0]["id"], done[0]["token"], "active").changed
        assert ledger.storage.read("lease.json")["open"] is None
    clock.pass_seconds(HOLD)
    abandon = info["unfinished"]["deployment"] if info["unfinished"] else ""
    following = ledger.begin(plan_of("3.0", origin="0.9"), "eve@pc", HOLD, abandon=abandon)
    assert following.token > info["token"]
    ledger.finish(following.deployment, following.token, "active")
    assert ledger.info()["state"]["active"]["version"] == "3.0"
    assert ledger.info()["lease"] is None


def about_to_park(ledger: Ledger, clock: SetClock) -> None:
    """A deployment whose slots are gated holds the lease."""
    after_two(ledger, clock)
    ledger.begin(parking_plan_of("1.0", origin="0.9"), "ann@pc", HOLD)


def parked(ledger: Ledger, clock: SetClock) -> None:
    """It waits for an approval."""
    about_to_park(ledger, clock)
    park(ledger)


def approved(ledger: Ledger, clock: SetClock) -> None:
    """It may go on."""
    parked(ledger, clock)
    approve(ledger)


def park(ledger: Ledger) -> None:
    lease = ledger.info()["lease"]
    ledger.park(lease["deployment"], lease["token"], "before_traffic")


def approve(ledger: Ledger) -> None:
    waiting = ledger.info()["unfinished"]
    ledger.approve(waiting["deployment"], "before_traffic", waiting["digest"], "bob@pc", "seen")


def go_on(ledger: Ledger) -> None:
    ledger.begin(parking_plan_of("1.0", origin="0.9"), "eve@pc", HOLD)


def go_back(ledger: Ledger) -> None:
    ledger.begin(parking_plan_of("1.0", origin="0.9"), "eve@pc", HOLD, way_back="a balancer returned the traffic")


PARKING = [
    (about_to_park, park),
    (parked, approve),
    (approved, go_on),
    (parked, go_back),
]


def assert_before_or_after(
    ledger: Ledger, clock: SetClock, token_before: int, command: Callable[[Ledger], None]
) -> None:
    """The ledger is as before the command, which can be repeated then, or as after it; an approval is never lost."""
    info = ledger.info()
    unfinished = info["unfinished"]
    parked_at = (unfinished["parked"] or {}).get("stage")
    is_approved = [given["operator"] for given in unfinished.get("approvals", [])] == ["bob@pc"]
    live = bool(info["lease"] and info["lease"]["live"])
    states = {
        park: [(None, False, True, token_before), ("before_traffic", False, False, token_before)],
        approve: [("before_traffic", False, False, token_before), ("before_traffic", True, False, token_before)],
        go_on: [("before_traffic", True, False, token_before), (None, True, True, token_before + 1)],
        go_back: [("before_traffic", False, False, token_before), (None, False, True, token_before + 1)],
    }[command]
    found = (parked_at, is_approved, live, info["token"])
    assert found in states
    assert ("before_traffic" in unfinished["committed"]) == (command is not park or found == states[1])
    assert ("undo" in unfinished["committed"]) == (command is go_back and found == states[1])
    if found == states[0]:
        command(ledger)
        assert_before_or_after(ledger, clock, token_before, command)


def kill_everywhere(
    directory: Path,
    prepare: Callable[[Ledger, SetClock], None],
    command: Callable[[Ledger], None],
    judge: Callable[[Ledger, SetClock, dict[str, Any]], None],
) -> None:
    """Kill a command at each of its changes, and judge what it has left each time.

    :param judge: gets what was so before as well.
    """
    start = SetClock()
    prepare(Ledger("shop", root=directory / "start", time=start), start)
    (directory / "start").mkdir(exist_ok=True)
    kills = 0
    while True:
        root = directory / f"kill-{kills}"
        shutil.copytree(directory / "start", root)
        clock = SetClock(start.milliseconds)
        ledger = Ledger("shop", root=root, time=clock)
        before = ledger.info()

        def run(nth: int = kills, ledger: Ledger = ledger) -> int:
            kill_at(nth)
            command(ledger)
            return 0

        status = in_child(run)
        judge(ledger, clock, before)
        if status == 0:
            break
        assert os.WIFSIGNALED(status), f"the child failed by itself at kill {kills}"
        kills += 1
    assert kills >= 8, "the command made fewer changes than a single durable write does"


@pytest.mark.parametrize(("prepare", "command"), SITUATIONS, ids=lambda item: item.__name__)
def test_killed_at_any_change_the_next_begin_works_and_no_token_is_used_twice(
    tmp_path: Path, prepare: Callable[[Ledger, SetClock], None], command: Callable[[Ledger], None]
) -> None:
    def judge(ledger: Ledger, clock: SetClock, before: dict[str, Any]) -> None:
        assert_consistent(ledger, clock, before["token"], before["state"]["active"])

    kill_everywhere(tmp_path, prepare, command, judge)


@pytest.mark.parametrize(("prepare", "command"), PARKING, ids=lambda item: item.__name__)
def test_killed_while_it_parks_is_approved_or_goes_on_it_is_as_before_or_as_after(
    tmp_path: Path, prepare: Callable[[Ledger, SetClock], None], command: Callable[[Ledger], None]
) -> None:
    def judge(ledger: Ledger, clock: SetClock, before: dict[str, Any]) -> None:
        assert_before_or_after(ledger, clock, before["token"], command)

    kill_everywhere(tmp_path, prepare, command, judge)


def exit_code_of_begin(root: Path, version: str) -> int:
    """0 for the winner, 7 for those who were told that another has the lease, 99 for anything else."""
    code = 99
    with contextlib.suppress(Exception):
        try:
            Ledger("shop", root=root).begin(plan_of(version), str(os.getpid()), HOLD)
            code = 0
        except LeaseError:
            code = 7
    return code


def test_of_many_that_begin_at_once_exactly_one_wins(tmp_path: Path) -> None:
    for round_number in (1, 2):
        ready, go = os.pipe()
        children = []
        for _round in range(50):
            child = os.fork()
            if child == 0:
                os.close(go)
                os.read(ready, 1)
                os._exit(exit_code_of_begin(tmp_path, f"1.{round_number}"))
            children.append(child)
        os.close(ready)
        os.close(go)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(codes) == [0] + [7] * 49
        ledger = Ledger("shop", root=tmp_path)
        lease = ledger.info()["lease"]
        assert lease["token"] == round_number
        ledger.finish(lease["deployment"], lease["token"], "aborted", "the test is over")
        assert len(list(ledger.storage.directory.glob("deployments/*"))) == round_number
