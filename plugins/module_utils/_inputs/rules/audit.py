# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the audit log. Reads the signing key on the controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..._audit.redact import SHORTEST_KEY, Redactor
from ..._audit.sinks.factory import make as make_sink
from ..._common.backwards import WITHOUT_A_RELEASE
from ..._common.errors import InputError
from ..._compliance.load import load
from ..._compliance.retention import term
from .base import Context, problem

SHORTEST_VALUE = 8
NAME = "slipway_audit"


def audit(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The log can be kept and signed; what goes back does not ask for the key."""
    given = values[NAME] or {}
    directory = given.get("directory") or "/"
    if not directory.startswith("/"):
        yield problem(f"{directory!r} is no absolute path", f"{NAME}.directory", "begin it with a slash")
    if any(len(value) < SHORTEST_VALUE for value in given.get("values") or []):
        yield problem(
            f"a secret has fewer than {SHORTEST_VALUE} characters, which stand in numbers and hashes too",
            f"{NAME}.values",
            "mask its field with slipway_audit.mask",
        )
    hash_key = given.get("hash_key") or ""
    if (hash_key or given.get("hash")) and len(hash_key.encode("utf-8", "surrogatepass")) < SHORTEST_KEY:
        yield problem(
            f"the key of the HMAC has fewer than {SHORTEST_KEY} bytes",
            f"{NAME}.hash_key",
            "give a random one, as of 'openssl rand -hex 32', from a vault; or use slipway_audit.mask",
        )
    for index, pattern in enumerate(given.get("patterns") or []):
        try:
            Redactor(patterns=(pattern,))
        except InputError as exc:
            yield problem(exc.what, f"{NAME}.patterns[{index}]", exc.remedy)
    yield from _sinks(given.get("sinks") or [])
    for name, least in (("rotate_days", 1), ("retention_days", 0)):
        if given.get(name) is not None and given[name] < least:
            yield problem(f"{given[name]} is less than {least}", f"{NAME}.{name}", f"use {least} or more")
    key = given.get("signing_key")
    if key and context.verb not in WITHOUT_A_RELEASE:
        yield from _unreadable(Path(key).expanduser())


def retention(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The log is kept as long as the compliance profiles demand; whether they are profiles is judged with them."""
    where = f"{NAME}.retention_days"
    try:
        term(load(values["slipway_compliance"]), max((values[NAME] or {}).get("retention_days") or 0, 0), where)
    except InputError as exc:
        if exc.where == where:
            yield exc


def _sinks(sinks: list[dict[str, Any]]) -> Iterator[InputError]:
    names: set[str] = set()
    for index, sink in enumerate(sinks):
        where = f"{NAME}.sinks[{index}]"
        try:
            name, _made = make_sink(sink, NAME)
        except InputError as exc:
            yield problem(f"{exc.where.rpartition(': ')[2]} {exc.what}", where, exc.remedy)
            continue
        if name in names:
            yield problem(f"a sink {name} is there twice", where, "give each a name of its own")
        names.add(name)


def _unreadable(key: Path) -> Iterator[InputError]:
    from ..._audit.sign import Signer

    try:
        Signer(key, NAME)
    except InputError as exc:
        yield problem(f"{key}: {exc.what}", f"{NAME}.signing_key", exc.remedy)
