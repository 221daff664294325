# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of what a hook has printed or a server has answered: few, short, printable and without secrets.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._common.address import without

KEPT_BYTES = 8192
MOST_LINES = 10
LONGEST_LINE = 200


def last_lines(output: bytes, secrets: Iterable[str] = ()) -> list[str]:
    """The last lines that hold something.

    :param output: what was printed, of which at least the last ``KEPT_BYTES``.
    :param secrets: values that must not be seen; they are hidden before anything is cut, so that no part is left.
    """
    text = without(output.decode("utf-8", "replace"), secrets)
    lines = [_printable(line) for line in text.splitlines()]
    return [line[:LONGEST_LINE] for line in lines if line][-MOST_LINES:]


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line).strip()
