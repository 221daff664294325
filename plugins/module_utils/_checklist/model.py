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
    """One thing that stands against a deployment, or that it has left behind.

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
    :param measured: figures of what was looked at.
    """

    findings: Sequence[Finding] = ()
    skipped: str = ""
    measured: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fleet:
    """What is known, after a deployment, of an application or of one of its regions.

    :param last: figures of the deployment that has ended last; empty where nothing is known of it.
    :param status: what runs where, as ``status.yml`` has it; empty where it was not read again.
    """

    last: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployed:
    """What a deployment has left behind. What was not read is empty.

    :param fleets: region to what is known of it; an application without regions has the one with the empty name.
    :param audits: host to what ``audit_verify`` returned there.
    :param logs: host to what ``log_info`` returned there.
    :param flags: host to what ``flag_info`` returned there.
    :param database: where its schemas stand, or an ``error``.
    """

    fleets: Mapping[str, Fleet] = field(default_factory=dict)
    audits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    logs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    database: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """What items look at.

    :param options: those of ``slipway_checklist``.
    :param files: the texts of the release and of the environment.
    :param sha256: digest of the artifact; empty where it is not known.
    :param variables: other variables of the operator that items look at.
    :param deployed: what items after a deployment look at.
    """

    options: Mapping[str, Any]
    files: Sequence[Text]
    sha256: str
    now: datetime
    variables: Mapping[str, Any] = field(default_factory=dict)
    deployed: Deployed = field(default_factory=Deployed)
