# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is written of a hook to what it does; what cannot be done is refused with its field and a remedy.

Touches nothing. The inputs are judged by the same function that the module reads its options with.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from .._gate.http import url_of
from .._gate.options import Options
from .call import Call
from .command import Command
from .model import Action

HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OWN_HEADERS = ("content-length", "transfer-encoding", "connection")


def parse(raw: Mapping[str, Any], where: str) -> Action:
    """What a hook does.

    :param raw: ``command``, or ``url`` and ``headers``; what is not given is ``None``.
    :param where: how messages name this place.
    :raises InputError: names the field and the remedy, and no value.
    """
    options = Options({name: raw.get(name) for name in ("command", "url", "headers")}, where)
    if options.given("command") is options.given("url"):
        raise options.refuse("command", "a hook has either a command or a url", "give one of them")
    action = _command(options) if options.given("command") else _call(options)
    if not options.mapping("headers"):
        return action
    raise options.refuse("headers", "are for a url", "remove them")


def _command(options: Options) -> Command:
    text = options.text("command")
    remedy = "give a program and its arguments in one line, as a shell would split it; for more: sh -c '...'"
    if re.search(r"[\r\n\x00]", text):
        raise options.refuse("command", "has several lines", remedy)
    try:
        argv = shlex.split(text)
    except ValueError as exc:
        raise options.refuse("command", f"cannot be split: {exc}", remedy) from exc
    if not argv or not argv[0]:
        raise options.refuse("command", "names no program", remedy)
    return Command(argv)


def _call(options: Options) -> Call:
    url = url_of(options, credentials="headers")
    headers = options.text_mapping("headers")
    for name in headers:
        if not HEADER.fullmatch(name):
            raise options.refuse("headers", f"has {name!r}, which is not a name of a header", "correct it")
        if name.lower() in OWN_HEADERS:
            raise options.refuse("headers", f"has {name}, which is set for each call", "remove it")
    return Call(url, headers)
