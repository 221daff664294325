# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the channels of an operator of what has happened. Whatever goes wrong there is a warning.

Opens connections to the services of the channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError
from .compose import compose
from .factory import Named, make
from .model import Facts, Message
from .send import Delivery, deliver


@dataclass(frozen=True)
class Told:
    """What was said, and how it went with each channel.

    :ivar warnings: who could not be told, and which template could not be used.
    """

    message: Message
    deliveries: list[Delivery]
    warnings: list[str]


def tell(given: Sequence[Any], facts: Facts, templates: str, seconds: float, *, check_mode: bool = False) -> Told:
    """Tell each channel that wants to know.

    :param given: channels as ``slipway_notifications`` has them; what is wrong with one is a warning.
    :param templates: directory with templates of the operator; empty for none.
    :param seconds: for all of it, retries included.
    :param check_mode: find the words, and tell nobody.
    """
    channels, wrong = _channels(given)
    message, unused = compose(facts, templates)
    deliveries = [] if check_mode else deliver(channels, message, seconds)
    missed = [_missed(found, facts.event) for found in deliveries if not found.sent]
    return Told(message, deliveries, [*wrong, *([unused] if unused else []), *missed])


def _channels(given: Sequence[Any]) -> tuple[list[Named], list[str]]:
    """The channels that can be told, and what is wrong with the others."""
    made, wrong = [], []
    for index, raw in enumerate(given):
        try:
            made.append(make(raw if isinstance(raw, Mapping) else {}, f"slipway_notifications[{index}]"))
        except InputError as exc:
            wrong.append(f"nobody is told there: {exc.message()}")
    return made, wrong


def _missed(found: Delivery, event: str) -> str:
    return f"{found.name} was not told of '{event}': {found.detail} ({found.attempts} attempts)"
