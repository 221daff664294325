# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``backup``: the newest backup is not too old. Reads a record, or the times of files, or asks a URL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .._common.address import shown
from .model import Finding, Looked, Scene
from .remote import fetched
from .reports import NotUnderstood, from_json, read


def look(scene: Scene) -> Looked:
    """Judge the age of the newest."""
    asked = scene.options["backup"]
    source = asked.get("path") or asked.get("url")
    if not source:
        return Looked(skipped="slipway_checklist.backup names none")
    place = shown(source)
    try:
        finished, size = _newest(asked)
    except NotUnderstood as exc:
        return Looked([Finding(place, f"it is not known when the last backup has ended: {exc}", "make one")])
    age = int((scene.now - finished).total_seconds())
    measured = {} if size is None else {"size_bytes": size}
    if age > asked["max_age"]:
        what = f"the last backup is {age} s old, more than {asked['max_age']} s"
        return Looked([Finding(place, what, "make one")], measured=measured)
    return Looked(measured=measured)


def _newest(asked: Mapping[str, Any]) -> tuple[datetime, int | None]:
    """When the newest has ended, and its bytes: from a JSON record, or from the newest file of a directory."""
    path = Path(asked["path"]).expanduser() if asked.get("path") else None
    if path and path.is_dir():
        found = [(inner.stat().st_mtime, inner.stat().st_size) for inner in path.rglob("*") if inner.is_file()]
        if not found:
            raise NotUnderstood("the directory is empty")
        at, size = max(found)
        return datetime.fromtimestamp(at, timezone.utc), size
    record = from_json(read(str(path)) if path else fetched(asked["url"]))
    try:
        if record.get("verified") is False:
            raise NotUnderstood("it could not be restored")
        finished = datetime.fromisoformat(str(record["finished"]).replace("Z", "+00:00"))
        bytes_said = record.get("size_bytes")
    except (AttributeError, KeyError, ValueError) as exc:
        raise NotUnderstood("there is no time finished") from exc
    finished = finished if finished.tzinfo else finished.replace(tzinfo=timezone.utc)
    return finished, bytes_said if isinstance(bytes_said, int) and bytes_said >= 0 else None
