# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the reports of other programs. Every file named on the controller must be there and understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree


class NotUnderstood(Exception):
    """A report that cannot be read, and why."""


def read(path: str) -> str:
    """The text of a report.

    :raises NotUnderstood: it cannot be read.
    """
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise NotUnderstood(getattr(exc, "strerror", None) or "it is no text") from exc


def from_json(text: str) -> Any:
    """What a report says in JSON.

    :raises NotUnderstood: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as exc:
        raise NotUnderstood("it is no JSON") from exc


def from_xml(text: str) -> ElementTree.Element:
    """What a report says in XML.

    :raises NotUnderstood: it is none, or declares entities.
    """
    if "<!ENTITY" in text:
        raise NotUnderstood("it declares entities")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        raise NotUnderstood("it is no XML") from exc
