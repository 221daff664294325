# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an item of the checklist finds, and what it looks at. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .files import Text

PASS, WARN, FAIL, SKIPPED = "pass", "warn", "fail", "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that stands against a deployment.

    :param place: file, with the line where there is one, or the address; never what a secret says.
    :param fails: whether the item fails, not only warns.
    """

    place: str
    what: str
    remedy: str
    fails: bool = True


@dataclass(frozen=True)
class Looked:
    """The end of an item.

    :param skipped: why it was not looked at; empty when it was.
    """

    findings: Sequence[Finding] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Scene:
    """What items look at.

    :param options: those of ``slipway_checklist``.
    :param files: the texts of the release and of the environment.
    :param sha256: digest of the artifact; empty where it is not known.
    :param variables: other variables of the operator that items look at.
    """

    options: Mapping[str, Any]
    files: Sequence[Text]
    sha256: str
    now: datetime
    variables: Mapping[str, Any] = field(default_factory=dict)
