# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook that is a program: started without a shell in a process group of its own, nothing of which outlives it.

Touches what the program touches.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import time
from collections.abc import Mapping
from typing import Any

from .._common.process import Program
from .facts import environment
from .model import Action, Outcome
from .output import KEPT_BYTES, last_lines

GLANCE = 0.1
PIPE_BYTES = 65536
READS_AFTER_THE_END = 64


class Command(Action):
    """A program with its arguments."""

    def __init__(self, argv: list[str]) -> None:
        self.argv = argv

    def shown(self) -> str:
        return shlex.join(self.argv)

    def run(self, facts: Mapping[str, Any], timeout: int) -> Outcome:
        deadline = time.monotonic() + timeout
        try:
            process = Program(self.argv, errors=True, env={**os.environ, **environment(facts)})
        except OSError as exc:
            return Outcome(ok=False, detail=f"{self.argv[0]} cannot be started: {exc.strerror}")
        with process, _Tail(process) as tail:
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    tail.read(min(GLANCE, max(0.0, deadline - time.monotonic())))
                status = process.poll()
            finally:
                _kill_group(process)
            tail.drain()
            return _outcome(status, timeout, last_lines(tail.kept))


def _outcome(status: int | None, timeout: int, output: list[str]) -> Outcome:
    if status is None:
        return Outcome(ok=False, detail=f"did not end within {timeout} s", output=output)
    if status < 0:
        return Outcome(ok=False, detail=f"ended by signal {-status}", output=output)
    return Outcome(ok=status == 0, detail=f"exit status {status}", status=status, output=output)


class _Tail:
    """The end of what a program prints to standard output and standard error, in the order of its coming."""

    def __init__(self, process: Program) -> None:
        self.kept = b""
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ)

    def __enter__(self) -> _Tail:
        return self

    def __exit__(self, *_error: object) -> None:
        self._selector.close()

    def read(self, seconds: float) -> bool:
        """Take what comes within a time; whether something came."""
        ready = self._selector.select(seconds)
        for key, _events in ready:
            chunk = os.read(key.fd, PIPE_BYTES)
            if not chunk:
                self._selector.unregister(key.fileobj)
            self.kept = (self.kept + chunk)[-KEPT_BYTES:]
        return bool(ready)

    def drain(self) -> None:
        """Take what is still in the pipes, without waiting for what else may hold them open."""
        for _attempt in range(READS_AFTER_THE_END):
            if not self.read(0):
                return


def _kill_group(process: Program) -> None:
    """Kill the program with everything that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
