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
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from .._common.address import shown
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
        self._ours, self._theirs = _FORK.Pipe()
        pipe = (self._theirs, self._ours)
        self._process = _FORK.Process(target=_measure, args=(options, *pipe, os.getpid()), daemon=True)

    def __enter__(self) -> MeterBeside:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()

    def summary(self, moment: float, spared: Sequence[str] = ()) -> dict[str, Any]:
        """End the run, wait for the answers under way, and return what was counted, in all and ``around`` a moment.

        :param moment: on this process' monotonic clock, which the meter shares.
        :param spared: see ``Recorder.around``.
        :raises SystemFailure: the meter ended without one.
        """
        try:
            self._ours.send((moment, tuple(spared)))
            self._process.terminate()
            if not self._ours.poll(self.options.timeout + END_SECONDS):
                raise self._lost("does not end")
            found: dict[str, Any] = self._ours.recv()
        except (EOFError, OSError) as exc:
            raise self._lost("ended without a summary") from exc
        return found

    def _lost(self, what: str) -> SystemFailure:
        return SystemFailure(
            f"the traffic meter {what}",
            where=shown(self.options.url),
            remedy="see that the host has memory and processes left",
        )


def _measure(options: Options, pipe: Connection, others: Connection, parent: int) -> None:
    others.close()
    meter = Meter(options)
    signal.signal(signal.SIGTERM, lambda *_event: meter.stop("asked"))
    threading.Thread(target=_end_with, args=(parent, meter), daemon=True).start()
    summary = meter.run()
    try:
        moment, spared = pipe.recv()
    except EOFError:
        return
    pipe.send({**summary, "around": meter.recorder.around(moment, spared)})
    pipe.close()


def _end_with(parent: int, meter: Meter) -> None:
    """A process that was killed has nobody left to end its meter."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    meter.stop("orphaned")
