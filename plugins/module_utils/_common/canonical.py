# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical JSON and digests, so that equal objects have equal bytes on every host.

Touches nothing. The form is RFC 8785 for objects with ASCII keys, no floats and integers below 2**53.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes of ``value``.

    :raises ValueError: a float, or an integer of 2**53 or more, which JSON readers may not agree on.
    """
    _refuse_ambiguous(value)
    return _ENCODER.encode(value).encode("utf-8")


def digest(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _refuse_ambiguous(value: Any) -> None:
    if isinstance(value, (str, bool)):
        return
    if isinstance(value, float):
        raise ValueError(f"a float has no canonical form: {value!r}")
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError(f"an integer beyond 2**53 has no canonical form: {value!r}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"a key must be an ASCII string: {key!r}")
            if not isinstance(item, str):
                _refuse_ambiguous(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_ambiguous(item)
