# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer at a time on a host, and never one that a newer deployment has replaced; also when writers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError, StateError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

PREAMBLE = """
import os, random, signal, sys, time
from contextlib import nullcontext
from pathlib import Path
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
directory = Path(sys.argv[1])
"""

HOLD = """
with Fence(directory, int(sys.argv[2])).held():
    print("held", flush=True)
    sys.stdin.read()
"""

COUNT = """
fence = Fence(directory, 0)
counter = directory / "counter"
for _round in range(25):
    with fence.held():
        value = int(counter.read_text())
        time.sleep(0.001)
        counter.write_text(str(value + 1))
"""

MEET = """
counter = directory / "counter"
with Fence(directory, 0).held() if sys.argv[2] == "fenced" else nullcontext():
    value = int(counter.read_text())
    (directory / f"read by {os.getpid()}").touch()
    deadline = time.monotonic() + float(sys.argv[3])
    while len(list(directory.glob("read by *"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    counter.write_text(str(value + 1))
"""

ACT = """
token = int(sys.argv[2])
for _round in range(20):
    try:
        with Fence(directory, token).held():
            with (directory / "acted").open("a") as log:
                log.write(f"{token}\\n")
    except StaleTokenError:
        break
    time.sleep(random.random() * 0.004)
"""

KILLED_AT = """
left = int(sys.argv[3])
def counted(real):
    def call(*args, **kwargs):
        global left
        result = real(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call
for name in ("open", "fchmod", "fsync", "rename", "mkdir", "close"):
    setattr(os, name, counted(getattr(os, name)))
with Fence(directory, int(sys.argv[2])).held():
    pass
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a script in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def holder(directory: Path, token: int = 0) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the fence until it is killed or the block ends."""
    with start(HOLD, directory, token) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def together(script: str, *arguments: tuple[object, ...]) -> None:
    """Run the script in several processes at once."""
    processes = [start(script, *each) for each in arguments]
    for process in processes:
        process.communicate()
        assert process.returncode == 0


def test_nothing_seen_before_the_first() -> None:
    assert Fence(Path("/nonexistent"), 1).seen() == 0


def test_the_directory_is_made_and_the_token_recorded(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    with Fence(directory, 3).held():
        assert Fence(directory, 0).seen() == 3


def test_a_higher_token_replaces_and_an_equal_one_acts_again(tmp_path: Path) -> None:
    for token in (3, 3, 10):
        with Fence(tmp_path, token).held():
            assert Fence(tmp_path, 0).seen() == token


def test_a_lower_token_is_refused_before_it_can_act(tmp_path: Path) -> None:
    with Fence(tmp_path, 10).held():
        pass
    with pytest.raises(StaleTokenError, match="token 9 is stale, this host has seen 10"), Fence(tmp_path, 9).held():
        pytest.fail("acted")
    assert Fence(tmp_path, 0).seen() == 10


def test_the_hosts_own_agent_acts_with_any_token_and_records_none(tmp_path: Path) -> None:
    with Fence(tmp_path, 5).held():
        pass
    fence = Fence(tmp_path, 0)
    with fence.held():
        fence.check()
    assert Fence(tmp_path, 0).seen() == 5


def test_a_check_inside_sees_a_token_that_came_meanwhile(tmp_path: Path) -> None:
    fence = Fence(tmp_path, 5)
    with fence.held():
        fence.check()
        (tmp_path / "token").write_text("6\n", encoding="ascii")
        with pytest.raises(StaleTokenError):
            fence.check()


@pytest.mark.parametrize("name", ["token", "announced", "barred"])
@pytest.mark.parametrize("content", ["six\n", ""])
def test_a_token_that_cannot_be_read_stops_everybody(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="ascii")
    with pytest.raises(StateError, match="cannot be read") as caught, Fence(tmp_path, 7).held():
        pytest.fail("acted")
    assert caught.value.where == str(tmp_path / name)


def test_a_barred_token_is_refused_though_no_newer_one_came(tmp_path: Path) -> None:
    with Fence(tmp_path, 5).held():
        pass
    agent = Fence(tmp_path, 0)
    with agent.held():
        agent.bar_token(5)
    for token in (4, 5):
        with pytest.raises(StaleTokenError, match=f"token {token} is barred"), Fence(tmp_path, token).held():
            pytest.fail("acted")
    assert agent.seen() == 5
    with agent.held():
        agent.check()
    with Fence(tmp_path, 6).held():
        assert agent.seen() == 6


def test_a_token_barred_meanwhile_is_refused_by_the_next_check(tmp_path: Path) -> None:
    fence = Fence(tmp_path, 5)
    with fence.held():
        fence.check()
        fence.bar_token(5)
        with pytest.raises(StaleTokenError, match="barred"):
            fence.check()


def test_what_is_barred_stays_barred(tmp_path: Path) -> None:
    agent = Fence(tmp_path, 0)
    with agent.held():
        agent.bar_token(5)
        agent.bar_token(3)
    assert agent.barred() == 5


def test_a_token_that_another_host_has_seen_refuses_all_below_it(tmp_path: Path) -> None:
    agent = Fence(tmp_path, 0)
    with agent.held():
        agent.learn(8)
        agent.learn(6)
    assert agent.seen() == 8
    with pytest.raises(StaleTokenError), Fence(tmp_path, 7).held():
        pytest.fail("acted")
    with Fence(tmp_path, 8).held():
        pass


def test_who_waits_for_the_lock_stops_an_older_holder_at_its_next_check(tmp_path: Path) -> None:
    older = Fence(tmp_path, 5)
    with older.held():
        older.check()
        with pytest.raises(StateError, match="another writer"), Fence(tmp_path, 6).held(timeout=0):
            pytest.fail("two writers")
        with pytest.raises(StaleTokenError, match="token 5 is stale, this host has seen 6"):
            older.check()
    assert Fence(tmp_path, 0).seen() == 6
    with pytest.raises(StaleTokenError), Fence(tmp_path, 5).held():
        pytest.fail("acted")


@pytest.mark.parametrize("token", [0, 4, 5])
def test_who_waits_with_no_newer_token_leaves_the_holder_alone(tmp_path: Path, token: int) -> None:
    holding = Fence(tmp_path, 5)
    with holding.held():
        with pytest.raises((StateError, StaleTokenError)), Fence(tmp_path, token).held(timeout=0):
            pytest.fail("two writers")
        holding.check()


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Fence(tmp_path, 1).held():
        raise RuntimeError
    with Fence(tmp_path, 1).held(timeout=0):
        pass


def test_two_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    with (
        Fence(tmp_path, 1).held(),
        pytest.raises(StateError, match="another writer"),
        Fence(tmp_path, 1).held(timeout=0),
    ):
        pytest.fail("two writers")


def test_another_process_that_holds_it_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    with (
        holder(tmp_path),
        pytest.raises(StateError, match=r"another writer has kept the lock for 0\.1 s"),
        Fence(tmp_path, 1).held(timeout=0.1),
    ):
        pytest.fail("two writers")


def test_a_killed_holder_gives_the_lock_back(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Fence(tmp_path, 1).held(timeout=0):
            pass


def test_a_program_started_inside_does_not_keep_the_lock(tmp_path: Path) -> None:
    with Fence(tmp_path, 1).held():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with Fence(tmp_path, 1).held(timeout=0):
            pass
    finally:
        child.kill()
        child.wait()


def count(directory: Path, script: str, *arguments: tuple[object, ...]) -> int:
    """What a counter says that one process for each of the arguments has added to."""
    counter = directory / "counter"
    counter.write_text("0", encoding="ascii")
    together(script, *[(directory, *each) for each in arguments])
    return int(counter.read_text(encoding="ascii"))


def test_no_update_is_lost_between_processes(tmp_path: Path) -> None:
    assert count(tmp_path, COUNT, *[()] * 4) == 100


@pytest.mark.parametrize(("mode", "seconds", "added"), [("fenced", 0.3, 2), ("bare", 30, 1)])
def test_two_that_wait_for_each_other_between_reading_and_writing(
    tmp_path: Path, mode: str, seconds: float, added: int
) -> None:
    """Behind the fence they cannot meet; without it both have read before one writes."""
    assert count(tmp_path, MEET, *[(mode, seconds)] * 2) == added


def test_once_a_newer_token_acted_no_older_one_does(tmp_path: Path) -> None:
    together(ACT, *[(tmp_path, token) for token in (1, 2, 3, 4)])
    acted = [int(line) for line in (tmp_path / "acted").read_text(encoding="ascii").split()]
    assert acted == sorted(acted)
    assert acted[-1] == 4
    assert Fence(tmp_path, 0).seen() == 4


def test_killed_after_any_call_the_token_is_whole_and_the_next_one_acts(tmp_path: Path) -> None:
    calls = 0
    code = -signal.SIGKILL
    seen = set()
    while code == -signal.SIGKILL:
        calls += 1
        directory = tmp_path / str(calls)
        with Fence(directory, 5).held():
            pass
        process = start(KILLED_AT, directory, 6, calls)
        process.communicate()
        code = process.returncode
        assert code in (0, -signal.SIGKILL)
        seen.add(Fence(directory, 0).seen())
        with Fence(directory, 7).held(timeout=0):
            assert Fence(directory, 0).seen() == 7
    assert seen == {5, 6}
    assert calls > 5


def acts(directory: Path, token: int, ledger: str, *, adopt: bool = False) -> None:
    with Fence(directory, token, ledger=ledger, adopt=adopt).held():
        pass


def test_the_first_ledger_is_pinned_and_another_one_is_refused(tmp_path: Path) -> None:
    acts(tmp_path, 4, "one")
    acts(tmp_path, 5, "one")
    with pytest.raises(StateError) as refused:
        acts(tmp_path, 9, "two")
    assert "obeys ledger one, not two" in refused.value.what
    assert "slipway_adopt_ledger=true" in refused.value.remedy
    fence = Fence(tmp_path, 0)
    assert (fence.pinned(), fence.seen()) == ("one", 5)


def test_an_adopted_ledger_is_pinned_and_the_old_one_refused_from_then_on(tmp_path: Path) -> None:
    acts(tmp_path, 4, "one")
    acts(tmp_path, 5, "two", adopt=True)
    acts(tmp_path, 6, "two")
    with pytest.raises(StateError):
        acts(tmp_path, 7, "one")


def test_adoption_needs_a_token_that_is_not_stale(tmp_path: Path) -> None:
    acts(tmp_path, 4, "one")
    with pytest.raises(StaleTokenError):
        acts(tmp_path, 3, "two", adopt=True)
    assert Fence(tmp_path, 0).pinned() == "one"


def test_who_names_no_ledger_is_not_asked(tmp_path: Path) -> None:
    acts(tmp_path, 4, "one")
    acts(tmp_path, 0, "")
    acts(tmp_path, 5, "")
    assert Fence(tmp_path, 0).pinned() == "one"
