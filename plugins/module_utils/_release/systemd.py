# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What slipway asks of systemd, several units in each call.

Runs ``systemctl``. Children that outlive a killed run keep a lock, so that the next run never acts at the same time.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .._common import process
from .._common.errors import StateError, SystemFailure

TIMEOUT = 60
ORPHAN_TIMEOUT = 120
TIMES = ("ExecMainStartTimestamp", "ExecMainExitTimestamp", "NextElapseUSecRealtime")
PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "MainPID",
    "NeedDaemonReload",
    "Result",
    "NRestarts",
    *TIMES,
)


@dataclass(frozen=True)
class UnitState:
    """What systemd says about one unit.

    :param times: those of a run and of a schedule that systemd knows, in UTC, as it shows them.
    """

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    pid: int = 0
    stale: bool = False
    result: str = ""
    restarts: int = 0
    times: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether it does its work now."""
        return self.active in ("active", "reloading")

    @property
    def ending(self) -> bool:
        """Whether it was told to stop, and has not ended yet."""
        return self.active == "deactivating"

    @property
    def stopped(self) -> bool:
        """Whether nothing of it runs, nor will run by itself."""
        return self.active in ("inactive", "failed")


@dataclass(frozen=True)
class Answer:
    """How a program ended."""

    status: int
    output: str
    errors: str


Run = Callable[[Sequence[str], int, Sequence[int]], Answer]


def run(arguments: Sequence[str], timeout: int, descriptors: Sequence[int] = ()) -> Answer:
    """Run a program to its end; ``descriptors`` stay open in it.

    :raises SystemFailure: it is not there or does not end within ``timeout`` seconds.
    """
    try:
        done = process.run(
            arguments,
            timeout=timeout,
            pass_fds=descriptors,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0"},
        )
    except (OSError, process.TimeoutExpired) as exc:
        raise SystemFailure(
            f"{' '.join(arguments[:2])} did not do its work: {exc}",
            where=arguments[0],
            remedy="see whether systemd answers on this host ('systemctl status'), then run again",
        ) from exc
    return Answer(done.returncode, done.stdout, done.stderr.strip())


class Systemd:
    """systemd of this host.

    :param lock: file whose lock every child keeps while it runs; needed for changes only.
    :param runner: runs a program; replaced in tests.
    """

    def __init__(self, lock: Path | None = None, runner: Run = run) -> None:
        self.lock = lock
        self.runner = runner
        self._descriptors: tuple[int, ...] = ()

    @contextmanager
    def held(self, timeout: int = ORPHAN_TIMEOUT) -> Iterator[None]:
        """Wait until no child of an earlier, killed run is left, and keep the next run waiting for ours.

        :raises StateError: such a child goes on longer than ``timeout`` seconds.
        """
        if self.lock is None:
            raise ValueError("a Systemd without a lock cannot change anything")
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor, self.lock, timeout)
            self._descriptors = (descriptor,)
            yield
        finally:
            self._descriptors = ()
            os.close(descriptor)

    def show(self, units: Iterable[str]) -> dict[str, UnitState]:
        """State of each unit; one that systemd does not know is ``not-found``."""
        names = sorted(set(units))
        if not names:
            return {}
        answer = self.runner(["systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names], TIMEOUT, ())
        if answer.status:
            raise _failure("show", answer)
        blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in _blocks(answer.output))
        found = {block.get("Id", ""): _state(block) for block in blocks}
        return {name: found.get(name, UnitState()) for name in names}

    def daemon_reload(self) -> None:
        """Let systemd read the unit files again."""
        self._change("daemon-reload", [], TIMEOUT)

    def stop(self, units: Sequence[str], patience: int) -> None:
        """Stop units; each has ended when this returns.

        :param patience: seconds that the slowest may take before systemd kills it.
        """
        if units:
            self._change("stop", units, patience + TIMEOUT)

    def begin_to_stop(self, units: Sequence[str]) -> None:
        """Tell units to stop, and wait for none of them."""
        if units:
            self._change("stop", units, TIMEOUT, "--no-block")

    def start(self, units: Sequence[str], patience: int = 0) -> Answer:
        """Start units, whatever their start limit says; which of them run is for the caller to see.

        :param patience: seconds that those which are still ending may take before.
        """
        self._run("reset-failed", units, TIMEOUT)
        return self._run("start", units, patience + 3 * TIMEOUT)

    def _change(self, verb: str, units: Sequence[str], timeout: int, *options: str) -> None:
        answer = self._run(verb, units, timeout, *options)
        if answer.status:
            raise _failure(verb, answer)

    def _run(self, verb: str, units: Sequence[str], timeout: int, *options: str) -> Answer:
        named = ["--", *units] if units else []
        return self.runner(["systemctl", verb, *options, *named], timeout, self._descriptors)


def _lock(descriptor: int, path: Path, timeout: int) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StateError(
                    f"a systemctl of an earlier run has not ended for {timeout} s",
                    where=str(path),
                    remedy="see what it waits for with 'systemctl list-jobs', then run again",
                ) from None
            time.sleep(0.02)


def _blocks(output: str) -> list[str]:
    return [block for block in output.strip().split("\n\n") if block]


def _state(block: dict[str, str]) -> UnitState:
    return UnitState(
        load=block.get("LoadState", "not-found"),
        active=block.get("ActiveState", "inactive"),
        sub=block.get("SubState", "dead"),
        pid=int(block.get("MainPID") or 0),
        stale=block.get("NeedDaemonReload") == "yes",
        result=block.get("Result", ""),
        restarts=int(block.get("NRestarts") or 0),
        times={name: block[name] for name in TIMES if block.get(name)},
    )


def _failure(verb: str, answer: Answer) -> SystemFailure:
    return SystemFailure(
        f"systemctl {verb} failed: {answer.errors or answer.status}",
        where="systemd",
        remedy="see 'systemctl status' and 'journalctl -b' on this host, then run again",
    )
