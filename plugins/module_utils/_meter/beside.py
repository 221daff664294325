# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A meter beside something else, in a process of its own, so that neither takes the other's time.

Touches what the meter touches. Needs fork(), which every managed node has.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from .._common.errors import SystemFailure
from .meter import Meter
from .options import Options, target_of

END_SECONDS = 5.0
LOOK_SECONDS = 0.5
_FORK = multiprocessing.get_context("fork")


class MeterBeside:
    """Measures from ``with`` on, until ``summary`` is asked for.

    :param options: what to measure; ``duration`` bounds the run.
    :raises InputError: see ``options.target_of``.
    """

    def __init__(self, options: Options) -> None:
        target_of(options)
        self.options = options
        self._answers, answer = _FORK.Pipe(duplex=False)
        self._process = _FORK.Process(target=_measure, args=(options, answer, os.getpid()), daemon=True)
        self._answer = answer

    def __enter__(self) -> MeterBeside:
        self._process.start()
        self._answer.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._answers.close()

    def summary(self) -> dict[str, Any]:
        """End the run, wait for the answers under way, and return what was counted.

        :raises SystemFailure: the meter ended without one.
        """
        self._process.terminate()
        if not self._answers.poll(self.options.timeout + END_SECONDS):
            raise self._lost("does not end")
        try:
            found: dict[str, Any] = self._answers.recv()
        except EOFError as exc:
            raise self._lost("ended without a summary") from exc
        return found

    def _lost(self, what: str) -> SystemFailure:
        return SystemFailure(
            f"the traffic meter {what}",
            where=self.options.url,
            remedy="see that the host has memory and processes left",
        )


def _measure(options: Options, answer: Connection, parent: int) -> None:
    meter = Meter(options)
    signal.signal(signal.SIGTERM, lambda *_event: meter.stop("asked"))
    threading.Thread(target=_end_with, args=(parent, meter), daemon=True).start()
    answer.send(meter.run())
    answer.close()


def _end_with(parent: int, meter: Meter) -> None:
    """A process that was killed has nobody left to end its meter."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    meter.stop("orphaned")
