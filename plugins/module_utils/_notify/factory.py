# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes channels from what an operator writes. Touches nothing.

Adding a channel means one more file, and one more line in ``CHANNELS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._gate.options import Options
from . import grafana, mail, otlp, pagerduty, slack, webhook
from .model import SEVERITIES, Channel, Wanted

CHANNELS: dict[str, Callable[[Options], Channel]] = {
    "slack": slack.make,
    "email": mail.make,
    "pagerduty": pagerduty.make,
    "webhook": webhook.make,
    "grafana": grafana.make,
    "otlp": otlp.make,
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ #-]{0,39}")


class Named(NamedTuple):
    """A channel as an operator has named it."""

    name: str
    kind: str
    channel: Channel
    wanted: Wanted


def make(given: Mapping[str, Any], where: str) -> Named:
    """The channel that an operator describes.

    :param where: how messages name this place.
    :raises InputError: an option is missing, wrong, or of another kind of channel; no value is part of it.
    """
    options = Options(_with_number(given), where)
    kind = options.choice("channel", tuple(CHANNELS))
    name = options.text("name", kind)
    if not NAME.fullmatch(name):
        raise options.refuse("name", "is no name of a channel", "use letters, digits, spaces and . _ - #")
    least = options.choice("severity", SEVERITIES) if options.given("severity") else ""
    asked = tuple(options.texts("on")) if options.given("on") else ()
    channel = CHANNELS[kind](options)
    possible = channel.capabilities.events
    if set(asked).difference(possible):
        raise options.refuse("on", f"has an event that means nothing to {kind}", f"choose from {', '.join(possible)}")
    options.done(f"a channel of kind {kind}")
    return Named(name, kind, channel, Wanted(asked or channel.capabilities.default, least))


def _with_number(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a port that templates have turned into text as the number that it is."""
    port = given.get("port")
    return {**given, "port": int(port)} if isinstance(port, str) and port.isascii() and port.isdigit() else {**given}
