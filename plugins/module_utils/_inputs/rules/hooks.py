# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of hooks. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..._common.errors import InputError
from ..._hooks import spec as hook_spec
from .base import A_DAY, USER, Context, problem

HOOK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")


def hooks(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each hook has a name of its own and does one thing, which can be done where it runs. No value of it is shown."""
    seen: set[str] = set()
    for index, hook in enumerate(values["slipway_hooks"]):
        where = f"slipway_hooks[{index}]"
        if not HOOK.fullmatch(hook["name"]):
            yield problem(
                f"{hook['name']!r} is not a name of a hook",
                f"{where}.name",
                "use letters, digits and . _ -, beginning with a letter or digit, at most 31 characters",
            )
        if hook["name"] in seen:
            yield problem(f"{hook['name']!r} is the name of two hooks", f"{where}.name", "give each its own name")
        seen.add(hook["name"])
        if not 1 <= hook["timeout"] <= A_DAY:
            yield problem(f"{hook['timeout']} is out of range", f"{where}.timeout", f"use 1 to {A_DAY} seconds")
        yield from _hook_user(f"{where}.user", hook)
        try:
            hook_spec.parse(hook, where)
        except InputError as exc:
            yield exc


def _hook_user(where: str, hook: Mapping[str, Any]) -> Iterator[InputError]:
    if not hook["user"]:
        return
    if hook["url"] is not None or hook["hosts"] == "controller":
        yield problem("it is for a command on hosts", where, "remove it; on the controller it is who runs Ansible")
    elif not USER.fullmatch(hook["user"]):
        yield problem(
            f"{hook['user']!r} is not a name of a system user", where, "use at most 32 characters a-z 0-9 _ -"
        )
