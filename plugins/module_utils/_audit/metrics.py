# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an audit log was verified last, for the textfile collector of Prometheus' node exporter.

Touches <directory>/slipway_audit_<stream>.prom, replaced as a whole.
"""

from __future__ import annotations

from pathlib import Path

from .._common.files import write_atomic
from .._evidence.prometheus import Family, families_text

METRICS = {
    "audit_last_verify_success": "Whether nothing was wrong with the audit log when it was verified last.",
    "audit_last_verify_timestamp_seconds": "When it was verified last.",
}


def write(directory: str, stream: str, *, success: bool, at: int) -> None:
    """Replace the file of the stream.

    :param at: seconds since the epoch.
    :raises OSError: it cannot be written.
    """
    labels = {"stream": stream}
    values = zip(METRICS.items(), (str(int(success)), str(at)))
    found = families_text(Family(name, meaning, [(labels, value)]) for (name, meaning), value in values)
    write_atomic(Path(directory) / f"slipway_audit_{stream}.prom", found.encode("utf-8"))
