# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable file changes: each is either wholly visible after a crash, or not at all.

Touches only the paths it is given.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .errors import StateError


def fsync_directory(directory: Path) -> None:
    """Make the entries of ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the content of ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644, uid: int = -1, gid: int = -1) -> None:
    """Replace ``path`` by ``data``: temporary file beside it, fsync, rename, fsync of the directory."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fchmod(handle.fileno(), mode)
            if (uid, gid) != (-1, -1):
                os.fchown(handle.fileno(), uid, gid)
            os.fsync(handle.fileno())
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def link_atomic(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``, replacing an existing link by rename."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.link"
    temporary.unlink(missing_ok=True)
    os.symlink(target, temporary)
    os.rename(temporary, path)
    fsync_directory(path.parent)


def write_state(path: Path, schema: int, content: dict[str, Any], *, mode: int = 0o644) -> None:
    """Write a versioned state file as indented JSON."""
    write_atomic(path, state_text(schema, content).encode("utf-8"), mode=mode)


def state_text(schema: int, content: dict[str, Any]) -> str:
    """The text of a versioned state file."""
    return json.dumps({"schema": schema, **content}, indent=1, sort_keys=True) + "\n"


def read_state(path: Path, schema: int) -> dict[str, Any] | None:
    """Read a versioned state file; ``None`` when there is none.

    :param schema: the newest schema version this program understands.
    :raises StateError: the file is not such a file, or was written by a newer program.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        content = json.loads(text)
        found = content["schema"]
    except (ValueError, KeyError, TypeError) as exc:
        raise StateError(
            "the state file cannot be read",
            where=str(path),
            remedy="restore it from a backup, or move it away to start without history",
        ) from exc
    if not isinstance(found, int) or found > schema:
        raise StateError(
            f"the state file has schema {found}, this collection understands up to {schema}",
            where=str(path),
            remedy="upgrade slipway.release on the controller",
        )
    return dict(content)
