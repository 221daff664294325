# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the environment and the release itself tell the application.

Reads the environment and ``behaviour.json`` beside the package; touches nothing.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

BAKED = Path(__file__).resolve().parent.parent / "behaviour.json"


@dataclass(frozen=True)
class Behaviour:
    """What a release does well or badly; a good release has only the version set.

    :param version: the version of the code, whatever RELEASE says.
    :param starts: whether the process starts at all.
    :param ready: whether it ever becomes ready.
    :param ready_after: seconds until it has started and is ready.
    :param error_percent: percent of requests (health endpoints and metrics excepted) answered with 500.
    :param errors_after: seconds from the start until that begins.
    :param tail_percent: percent of requests to ``/`` that wait.
    :param tail_ms: how long these wait.
    :param crash_after: seconds until the process ends without notice; 0 for never.
    :param leak_mib: MiB of memory lost each second.
    :param burn_percent: percent of a processor that is used for nothing.
    """

    version: str = "0.0.0-source"
    starts: bool = True
    ready: bool = True
    ready_after: float = 0
    error_percent: float = 0
    errors_after: float = 0
    tail_percent: float = 2
    tail_ms: int = 20
    crash_after: float = 0
    leak_mib: float = 0
    burn_percent: float = 0

    def changed(self, values: Mapping[str, Any]) -> Behaviour:
        """This behaviour with some fields replaced.

        :raises ValueError: a field that does not exist.
        """
        unknown = sorted(set(values) - {field.name for field in fields(self)})
        if unknown:
            raise ValueError(f"no such behaviour: {', '.join(unknown)}")
        return replace(self, **values)


@dataclass(frozen=True)
class Settings:
    """The environment of one process."""

    behaviour: Behaviour
    release: str
    slot: str
    host: str
    address: str
    port: int
    grace: float
    deadline: float
    state: Path | None
    database_url: str

    @property
    def instance(self) -> str:
        """The name of this instance, as the balancers know it."""
        return f"{self.slot}-{self.host}"


def baked_behaviour(path: Path = BAKED) -> Behaviour:
    """The behaviour that the builder wrote into the release; a source tree is a good release."""
    try:
        return Behaviour().changed(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Behaviour()


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings; SHOP_BEHAVIOUR (JSON) overrides what the builder baked in."""
    behaviour = baked_behaviour().changed(json.loads(environment.get("SHOP_BEHAVIOUR", "{}")))
    state = environment.get("SHOP_STATE", "")
    return Settings(
        behaviour=behaviour,
        release=environment.get("RELEASE", behaviour.version),
        slot=environment.get("SLOT", "none"),
        host=environment.get("SHOP_HOST", "") or socket.gethostname(),
        address=environment.get("SHOP_BIND", "0.0.0.0"),
        port=int(environment.get("PORT", "8080")),
        grace=float(environment.get("SHOP_GRACE", "5")),
        deadline=float(environment.get("SHOP_DEADLINE", "20")),
        state=Path(state) if state else None,
        database_url=environment.get("DATABASE_URL", ""),
    )


def own_settings() -> Settings:
    """The settings of this process.

    :raises SystemExit: the release is one that never starts.
    """
    settings = settings_from(os.environ)
    if not settings.behaviour.starts:
        raise SystemExit(f"shop {settings.behaviour.version}: this release never starts")
    return settings
