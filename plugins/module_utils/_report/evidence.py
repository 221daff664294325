# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the evidence of a deployment: in the ledger, or in a copy of the document. Touches nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from .._common.errors import InputError, StateError
from .._evidence.document import SCHEMA
from .._inputs.rules.base import APP
from .._ledger.ledger import ROOT
from .._ledger.storage import Storage

_DEPLOYMENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_REGION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def document_of(app: str, region: str, deployment: str, *, root: Path = ROOT) -> dict[str, Any]:
    """The document of a deployment in the ledger of this host.

    :param deployment: its identifier; the one that has ended last when empty.
    :raises InputError: a name is none.
    :raises StateError: the ledger does not have it.
    """
    for name, pattern, value in (
        ("app", APP, app),
        ("region", _REGION, region),
        ("deployment", _DEPLOYMENT, deployment),
    ):
        if value and not pattern.fullmatch(value):
            raise InputError(f"{value!r} is no such name", where=name, remedy="correct it")
    storage = Storage(root / (f"{app}@{region}" if region else app), check_mode=True)
    known = [str(entry["id"]) for entry in storage.read("state.json").get("deployments", [])]
    if not known:
        raise StateError(
            "no deployment has ended here",
            where=str(storage.directory),
            remedy="correct the application, the region or the ledger host",
        )
    wanted = deployment or known[-1]
    document = storage.document(wanted)
    if document is None:
        raise StateError(
            f"there is no evidence of {wanted} that can be read",
            where=str(storage.directory),
            remedy="the ledger host keeps that of the last 50; give a copy of the controller as 'evidence'",
        )
    return document


def read_copy(path: Path) -> dict[str, Any]:
    """The document in a file of the controller.

    :raises StateError: there is none, or it is of another schema.
    """
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        found = made["schema"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StateError(
            f"the evidence cannot be read: {exc}", where=str(path), remedy="name a document of a deployment"
        ) from exc
    if not isinstance(found, int) or found > SCHEMA:
        raise StateError(
            f"the evidence has schema {found}, this collection understands up to {SCHEMA}",
            where=str(path),
            remedy="upgrade slipway.release on the controller",
        )
    return dict(made)
