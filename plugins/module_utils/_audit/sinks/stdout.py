# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output. A module has none of its own, so its records are collected here for whoever writes them."""

from __future__ import annotations

from collections.abc import Sequence

from ..record import Record
from .base import Capabilities, Options, Sink


class Stdout(Sink):
    """Lines that the action prints on the controller."""

    capabilities = Capabilities(acknowledges=True, idempotent=False)

    def __init__(self) -> None:
        self.lines: list[str] = []

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """Keep them for the result."""
        self.lines += [record.line.decode("utf-8") for record in batch]

    def close(self) -> None:
        """Nothing is open."""


def make(options: Options) -> Stdout:
    """Without options."""
    options.end()
    return Stdout()
