# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to measure: the options of a run, checked before anything is sent.

Resolves the target's name once; touches nothing else.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from .._common.address import shown
from .._common.errors import InputError

MAX_DURATION = 86400
MAX_RATE = 20000
_TOKEN = re.compile(r"[A-Za-z0-9_.-]+")
_VISIBLE = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Options:
    """One run of the meter. Times are in seconds where nothing else is said.

    :param url: ``http://host[:port][/path]``; the path is what the keepalive and new classes ask for.
    :param duration: how long requests are started; always bounded.
    :param rate: requests a second of the classes keepalive and new together.
    :param keepalive_share: share of these, 0 to 1, that use kept connections; the others open one each.
    :param connections: how many connections are kept.
    :param slow: how many slow requests are always in flight; half of them on kept connections.
    :param slow_ms: how long the server takes for one of these.
    :param long: how many long-lived requests are always open: streams and websockets in turn.
    :param long_seconds: agreed length of one of these.
    :param timeout: an answer (or the next piece of a long-lived one) that takes longer is lost.
    :param sticky: ``cookie:NAME`` or ``header:NAME`` that carries the sticky key; empty for none.
    :param users: number of different keys; 0 for a new random key with each request.
    :param seed: of the random keys; ``None`` for a different one each time.
    :param host: Host header, when it is not the address in ``url``.
    :param allow_public: also accept a target that is neither loopback, private nor link-local.
    :param until_file: the run ends as soon as this file exists.
    """

    url: str
    duration: float
    rate: float = 100
    keepalive_share: float = 0.5
    connections: int = 20
    slow: int = 0
    slow_ms: int = 500
    long: int = 0
    long_seconds: int = 10
    timeout: float = 10
    sticky: str = ""
    users: int = 0
    seed: int | None = None
    host: str = ""
    allow_public: bool = False
    until_file: Path | None = None


@dataclass(frozen=True)
class Target:
    """Where requests go: one address, resolved once."""

    family: socket.AddressFamily
    address: tuple[str, int]
    host: str
    path: str


_RANGES: dict[str, tuple[float, float]] = {
    "duration": (0.1, MAX_DURATION),
    "rate": (0, MAX_RATE),
    "keepalive_share": (0, 1),
    "connections": (1, 10000),
    "slow": (0, 10000),
    "slow_ms": (1, 600_000),
    "long": (0, 10000),
    "long_seconds": (1, 3600),
    "timeout": (0.05, 600),
    "users": (0, 2**32),
}


def target_of(options: Options) -> Target:
    """Check all options and resolve the target.

    :raises InputError: an option out of range, or a target that must not be loaded.
    """
    for name in (field.name for field in fields(options)):
        if name in _RANGES:
            _require_range(name, getattr(options, name))
    if not options.rate and not options.slow and not options.long:
        raise InputError("nothing to send", where="rate", remedy="set a rate, or a number of slow or long requests")
    if options.sticky:
        sticky_header(options.sticky)
    if not _VISIBLE.fullmatch(options.host):
        raise InputError(f"{options.host!r} is not a host name", where="host", remedy="use a name, or name:port")
    return _resolve(options)


def sticky_header(sticky: str) -> str:
    """The header line, without the key itself, that carries a sticky key.

    :raises InputError: not ``cookie:NAME`` or ``header:NAME``.
    """
    kind, _rest, name = sticky.partition(":")
    if kind not in ("cookie", "header") or not _TOKEN.fullmatch(name):
        raise InputError(
            f"{sticky!r} is not a place for a sticky key", where="sticky", remedy="use cookie:NAME or header:NAME"
        )
    return f"Cookie: {name}=" if kind == "cookie" else f"{name}: "


def _require_range(name: str, value: float) -> None:
    low, high = _RANGES[name]
    if not low <= value <= high:
        raise InputError(f"{value:g} is out of range", where=name, remedy=f"use {low:g} to {high:g}")


def _resolve(options: Options) -> Target:
    parts = urlsplit(options.url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    well_formed = parts.scheme == "http" and parts.hostname and port and parts.username is None
    if not well_formed or not _VISIBLE.fullmatch(options.url):
        raise InputError(
            f"{shown(options.url)!r} cannot be measured",
            where="url",
            remedy="use http://host[:port][/path] without a user",
        )
    try:
        family, _rest, _more, _last, found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as exc:
        raise InputError(
            f"{parts.hostname} cannot be resolved", where="url", remedy="give an address, or a name that resolves"
        ) from exc
    address = ipaddress.ip_address(str(found[0]).partition("%")[0])
    own = (address.is_private or address.is_loopback or address.is_link_local) and not address.is_multicast
    if not options.allow_public and not own:
        raise InputError(
            f"{address} is a public address", where="url", remedy="load only what is yours; then set allow_public"
        )
    path = parts.path or "/"
    return Target(
        family=family,
        address=(str(found[0]), int(found[1])),
        host=options.host or parts.netloc,
        path=f"{path}?{parts.query}" if parts.query else path,
    )
