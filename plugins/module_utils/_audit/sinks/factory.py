# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes sinks from what an operator writes. Touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..._common.errors import InputError
from . import http, postgresql, s3, stdout, syslog
from .base import Options, Sink

SINKS: dict[str, Callable[[Options], Sink]] = {
    "http": http.make,
    "postgresql": postgresql.make,
    "s3": s3.make,
    "stdout": stdout.make,
    "syslog": syslog.make,
}
_OF_MANY_HOSTS = ("postgresql", "s3")


def make(given: Mapping[str, Any], origin: str) -> tuple[str, Sink]:
    """The name of a sink, under which its place is remembered, and the sink.

    :param origin: of the log, which sinks of many hosts tell apart.
    :raises InputError: there is no such type, or an option is wrong.
    """
    options = dict(given)
    kind = options.pop("type", None)
    if kind not in SINKS:
        raise InputError(
            "there is no such type of sink", where="sinks: type", remedy=f"choose one of {', '.join(sorted(SINKS))}"
        )
    name = str(options.pop("name", None) or kind)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise InputError("is no name of a sink", where="sinks: name", remedy="use letters, digits, dashes")
    if kind in _OF_MANY_HOSTS:
        options = {"origin": origin, **options}
    return name, SINKS[kind](Options(options, name))
