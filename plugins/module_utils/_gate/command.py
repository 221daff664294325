# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe: a program with an expected exit status and output.

Starts the program without a shell, in a process group of its own, which is killed when the time is over.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Mapping

from .._common.process import Program, TimeoutExpired
from .model import Answer, Probe, impossible
from .options import Options

LONGEST_OUTPUT = 1024 * 1024


class CommandProbe(Probe):
    """A program that must end with one of some exit statuses, and may have to print something.

    :param argv: program and arguments.
    :param statuses: accepted exit statuses.
    :param stdout: what standard output must contain; empty for anything.
    :param environment: variables beside those of the one who asks.
    """

    def __init__(self, argv: list[str], statuses: list[int], stdout: str, environment: Mapping[str, str]) -> None:
        self.argv = argv
        self.statuses = statuses
        self.stdout = stdout
        self.environment = environment

    @classmethod
    def from_options(cls, options: Options) -> CommandProbe:
        """Read ``argv``, ``rc``, ``stdout`` and ``environment``."""
        argv = options.texts("argv")
        if not argv[0]:
            raise options.refuse("argv", "begins with an empty string", "begin with the path of the program")
        statuses = options.numbers("rc", 0, 255) or [0]
        return cls(argv, statuses, options.text("stdout", ""), options.text_mapping("environment"))

    def target(self) -> str:
        return self.argv[0]

    def attempt(self, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        try:
            process = Program(self.argv, env={**os.environ, **self.environment})
        except OSError as exc:
            return impossible(f"cannot be started: {exc.strerror}", final=isinstance(exc, FileNotFoundError))
        with process:
            try:
                output = _output(process, deadline)
                if len(output) > LONGEST_OUTPUT:
                    return Answer(ok=False, detail=f"printed more than {LONGEST_OUTPUT} bytes")
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except TimeoutExpired:
                return Answer(ok=False, detail=f"did not end within {timeout:.0f} s")
            finally:
                _kill_group(process)
        return self._judged(status, output)

    def _judged(self, status: int, output: bytes) -> Answer:
        if status < 0:
            return Answer(ok=False, detail=f"ended by signal {-status}")
        if status not in self.statuses:
            return Answer(ok=False, detail=f"exit status {status}")
        if self.stdout not in output.decode("utf-8", "replace"):
            return Answer(ok=False, detail="the expected text is not in the output")
        return Answer(ok=True)


def _output(process: Program, deadline: float) -> bytes:
    """Standard output until its end, the deadline, or more than is allowed."""
    if process.stdout is None:
        return b""
    chunks: list[bytes] = []
    size = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while size <= LONGEST_OUTPUT:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutExpired(process.args, 0)
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks)


def _kill_group(process: Program) -> None:
    """Kill the program with everything that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
