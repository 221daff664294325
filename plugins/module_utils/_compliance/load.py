# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds compliance profiles: those that come with the collection, by name, and an operator's own, by path.

Reads files of the controller.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .combine import combine
from .profile import VARIABLE, Profile, read_profile

DIRECTORY = Path(__file__).with_name("profiles")


def known() -> list[str]:
    """Names of the profiles that come with the collection."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yml"))


def load(names: Sequence[str]) -> Profile | None:
    """The profiles of these names or paths as one; nothing where there is none.

    :raises InputError: one does not exist, is there twice, or is none.
    """
    profiles = [_loaded(name, f"{VARIABLE}[{index}]") for index, name in enumerate(names)]
    for index, profile in enumerate(profiles):
        if any(profile.name == other.name for other in profiles[:index]):
            raise InputError(
                f"profile {profile.name} is there twice", where=f"{VARIABLE}[{index}]", remedy="name each profile once"
            )
    return combine(profiles) if profiles else None


def _loaded(name: str, where: str) -> Profile:
    own = "/" in name or name.endswith((".yml", ".yaml"))
    path = Path(os.path.expanduser(name)) if own else DIRECTORY / f"{name}.yml"
    if not own and name not in known():
        raise InputError(
            f"there is no profile {name!r}",
            where=where,
            remedy=f"use {', '.join(known())}, or the path of a file with a profile of your own",
        )
    return read_profile(_mapping(path, where), name)


def _mapping(path: Path, where: str) -> dict[str, Any]:
    yaml: Any = importlib.import_module("yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no YAML"
        raise InputError(
            f"{path} cannot be read: {reason}", where=where, remedy="name a file with a profile on the controller"
        ) from exc
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds no mapping", where=where, remedy="write a profile as docs/change-control.md does"
        )
    return content
