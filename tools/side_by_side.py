# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does several things, two at once; what each printed is shown as a whole when it has ended, that of one at once."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TypeVar

AT_ONCE = 2
Thing = TypeVar("Thing")


def failures(things: Sequence[Thing], run: Callable[[Thing, IO[bytes]], int]) -> list[Thing]:
    """Those with which ``run`` did not end with 0.

    :param things: told apart for people by their text.
    :param run: writes its output to the file that it is given.
    """
    if len(things) == 1:
        sys.stdout.flush()
        codes = [run(things[0], sys.stdout.buffer)]
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            codes = list(pool.map(lambda thing: _shown(thing, run), things))
    return [thing for thing, code in zip(things, codes, strict=True) if code != 0]


def _shown(thing: Thing, run: Callable[[Thing, IO[bytes]], int]) -> int:
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        code = run(thing, output)
        output.seek(0)
        text = output.read().decode("utf-8", errors="replace")
    sys.stdout.write(f"{thing}: {time.monotonic() - started:.0f} s\n{text}")
    sys.stdout.flush()
    return code
