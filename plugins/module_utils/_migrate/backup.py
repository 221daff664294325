# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations and backups: they exclude each other, and a policy may ask for a verified backup first.

Both take one advisory lock of the database, migrations shared and a backup exclusively, so that no ALTER queues
behind a dump and everybody behind that. Both ask for it again and again: who waits for it inside of a statement would
be waited for by CREATE INDEX CONCURRENTLY. Reads the record of the last backup; touches advisory locks.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .._common.errors import InputError, StateError
from .lock import Lock
from .session import Session

PARTS = ("slipway.release", "backup")
CLOCKS_DIFFER = timedelta(minutes=5)
MAKE_ONE = "make a backup and verify it, which writes the record; then run it again"


def shared_with_migrations(session: Session) -> Lock:
    """The lock that a migration holds: any number of them at once, and no backup."""
    return Lock(session, *PARTS, shared=True, busy="a backup is being made of this database")


def exclusive_for_backup(session: Session) -> Lock:
    """The lock that a backup holds: alone, while nothing is migrated."""
    return Lock(session, *PARTS, busy="this database is being migrated, or another backup made")


def require_verified(record: Path, most: int, now: datetime | None = None) -> None:
    """Refuse to go on without a verified backup.

    :param record: JSON file with ``finished``, an ISO time with its zone, and ``verified``, a boolean.
    :param most: seconds that it may be old.
    :param now: by the clock of this host.
    :raises StateError: there is none, or it is too old.
    :raises InputError: the record cannot be read.
    """
    found = _read(record)
    finished, where = _finished(found, record), str(record)
    now = now or datetime.now(timezone.utc)
    if finished > now + CLOCKS_DIFFER:
        raise StateError(f"the backup is of {finished:%F %T} UTC, which is to come", where=where, remedy=MAKE_ONE)
    if found.get("verified") is not True:
        raise StateError(f"the backup of {finished:%F %T} UTC is not verified", where=where, remedy=MAKE_ONE)
    age = int((now - finished).total_seconds())
    if age > most:
        raise StateError(
            f"the last verified backup is {age} seconds old, and may be {most}", where=where, remedy=MAKE_ONE
        )


def _read(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StateError("there is no record of a backup", where=str(record), remedy=MAKE_ONE) from None
    except RecursionError:
        raise InputError("cannot be read: it is nested too deeply", where=str(record), remedy=MAKE_ONE) from None
    except (OSError, ValueError) as exc:
        raise InputError(f"cannot be read: {exc}", where=str(record), remedy=MAKE_ONE) from None
    if not isinstance(found, dict):
        raise InputError("is no JSON object", where=str(record), remedy=MAKE_ONE)
    return found


def _finished(found: dict[str, Any], record: Path) -> datetime:
    text = str(found.get("finished", ""))
    try:
        finished = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if finished.tzinfo is not None:
            return finished.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        pass
    raise InputError(f"'{text}' in 'finished' is no time with its zone", where=str(record), remedy=MAKE_ONE)
