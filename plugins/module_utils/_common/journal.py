# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked of this host and what came of it, one JSON object a line. Appends to ``journal.jsonl``."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

SCHEMA = 1
LARGEST = 4 * 1024 * 1024


class Journal:
    """The journal of one application on one host.

    :param directory: where ``journal.jsonl`` is; when that grows beyond 4 MiB it becomes ``journal.1.jsonl``.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "journal.jsonl"

    def append(self, event: str, token: int, **content: Any) -> None:
        """Append one durable line.

        :param event: ``intent`` or ``outcome``.
        """
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"schema": SCHEMA, "at": at, "event": event, "token": token, **content}, sort_keys=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, f"{chr(10) if torn else ''}{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if size > LARGEST:
            os.rename(self.path, self.path.with_name("journal.1.jsonl"))
