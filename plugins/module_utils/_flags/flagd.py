# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a flag definition file of flagd, in JSON. Touches the file, which flagd watches.

A kill switch stays enabled, serves its off variant, and has no targeting: a disabled flag would give every application
its own default, which may be on. ``on`` stands first in a draw, so its users stay while the share grows.
"""

from __future__ import annotations

from typing import Any

from .base import Capabilities
from .json_file import JsonFile
from .json_text import dumps_like
from .model import CANARY, FULL, GRADUAL, KILL_SWITCH, OFF, STICKY, STRATEGIES, Flag

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
MARK = "slipwayStrategy"
ENABLED = "ENABLED"
ON, NOT_ON = "on", "off"


class Flagd(JsonFile):
    """The flags of one definition file."""

    capabilities = Capabilities(shares=True, marks=True, lists=True, at_once=True)

    def empty(self) -> str:
        return '{\n  "$schema": "' + SCHEMA + '",\n  "flags": {}\n}\n'

    def flag(self, text: str, name: str) -> Flag | None:
        found = self._flags(self._loaded(text)).get(name)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise self.unmanaged(f"flag {name} is no object", "correct it by hand")
        on, off = self._variants(found, name, needs_on=False)
        if found.get("state") != ENABLED:
            remedy = "enable it, or end it with kill_switch; disabled, each application takes its own default"
            raise self.unmanaged(f"the state of flag {name} is not {ENABLED}", remedy)
        flag = understood(name, found, on, off)
        if flag is None:
            remedy = "remove its targeting by hand, or end it with kill_switch"
            raise self.unmanaged(f"flag {name} has targeting or a default that was not written here", remedy)
        return flag

    def edited(self, text: str, flag: Flag) -> str:
        whole = self._loaded(text)
        flags = self._flags(whole)
        before = flags.get(flag.name)
        found = dict(before) if isinstance(before, dict) else {}
        found.setdefault("state", ENABLED)
        found.setdefault("variants", {ON: True, NOT_ON: False})
        if flag.killed:
            found["variants"] = _with_off(found["variants"])
        on, off = self._variants(found, flag.name, needs_on=not flag.killed)
        metadata = found.get("metadata")
        made = {
            **found,
            "state": ENABLED,
            "defaultVariant": default(flag, on, off),
            "targeting": targeting(flag, on, off),
            "metadata": {**(metadata if isinstance(metadata, dict) else {}), MARK: flag.strategy},
        }
        if made["targeting"] is None:
            del made["targeting"]
        if made == before:
            return text
        flags[flag.name] = made
        whole["flags"] = flags
        return dumps_like(whole, text)

    def _variants(self, found: dict[str, Any], name: str, *, needs_on: bool) -> tuple[str, str]:
        """The names of the variants that are on and off."""
        variants = found.get("variants")
        values = variants if isinstance(variants, dict) else {}
        on = [one for one, value in values.items() if value is True]
        off = [one for one, value in values.items() if value is False] or [one for one in values if one == NOT_ON]
        off.sort(key=lambda one: one != NOT_ON)
        if not off or (needs_on and (len(off) != 1 or len(on) != 1 or len(values) != 2)):
            remedy = "give it one variant that is true and one that is false, or use another flag"
            raise self.unmanaged(f"flag {name} is no boolean flag", remedy)
        return on[0] if len(on) == 1 else "", off[0]


def _with_off(variants: Any) -> Any:
    """Variants that are all true, or none, with one that is false."""
    known = variants if isinstance(variants, dict) else {}
    return variants if any(value is not True for value in known.values()) else {**known, NOT_ON: False}


def default(flag: Flag, on: str, off: str) -> str:
    """The variant of those whom no rule is about."""
    return on if flag.percentage == 100 and not flag.segments else off


def targeting(flag: Flag, on: str, off: str) -> dict[str, Any] | None:
    """The rule that gives a flag to those who are to have it; ``None`` when the default variant is enough."""
    rules: list[Any] = []
    for tenants, variant in ((flag.tenants_with(False), off), (flag.tenants_with(True), on)):
        if tenants:
            rules += [{"in": [{"var": "tenant"}, tenants]}, variant]
    share = _share(flag, on, off)
    if flag.segments:
        rules += [{"in": [{"var": "segment"}, list(flag.segments)]}, share, off]
    elif rules or flag.drawn:
        rules.append(share)
    if not rules or (len(rules) == 1 and not flag.drawn):
        return None
    return {"if": rules} if len(rules) > 1 else share


def _share(flag: Flag, on: str, off: str) -> Any:
    if not flag.drawn:
        return on if flag.percentage else off
    by = [] if flag.sticky == STICKY else [{"cat": [{"var": "$flagd.flagKey"}, {"var": flag.sticky}]}]
    return {"fractional": [*by, [on, flag.percentage], [off, 100 - flag.percentage]]}


def understood(name: str, found: dict[str, Any], on: str, off: str) -> Flag | None:
    """The flag that a definition says; ``None`` when it is not one that is written here."""
    metadata = found.get("metadata")
    mark = metadata.get(MARK) if isinstance(metadata, dict) else None
    rule, served = found.get("targeting") or None, found.get("defaultVariant")
    flag = _read(name, rule, served, on, mark)
    if flag is None or targeting(flag, on, off) != rule or served != default(flag, on, off):
        return None
    return flag


def _read(name: str, rule: Any, served: Any, on: str, mark: Any) -> Flag | None:
    """What a rule may mean; whether it does is seen by writing it again."""
    rules = rule["if"] if isinstance(rule, dict) and isinstance(rule.get("if"), list) else [rule]
    tenants: dict[str, bool] = {}
    segments: tuple[str, ...] = ()
    share: Any = None if rule is None else rules[-1]
    for condition, outcome in zip(rules[:-1:2], rules[1::2]):
        field, values = _membership(condition)
        if field == "segment":
            segments, share = tuple(values), outcome
        elif field == "tenant":
            tenants.update(dict.fromkeys(values, outcome == on))
        else:
            return None
    if rule is None:
        share = served
    percentage, sticky = _drawn(share) if isinstance(share, dict) else (100 if share == on else 0, STICKY)
    if percentage is None:
        return None
    derived = FULL if served == on else CANARY if segments else GRADUAL if percentage else OFF
    strategy = mark if mark in STRATEGIES and _fits(mark, percentage, segments, served == on) else derived
    if strategy == KILL_SWITCH and rule is not None:
        return None
    return Flag(name, strategy, percentage, segments, tenants, sticky)


def _fits(mark: str, percentage: int, segments: tuple[str, ...], default_on: bool) -> bool:
    if mark in (OFF, KILL_SWITCH):
        return not percentage and not default_on
    if mark == FULL:
        return default_on
    return bool(segments) if mark == CANARY else default_on is (percentage == 100 and not segments)


def _membership(condition: Any) -> tuple[str, list[str]]:
    try:
        (field,), values = condition["in"][0].values(), condition["in"][1]
        sound = isinstance(values, list) and all(isinstance(value, str) for value in values)
        return (str(field), values) if sound else ("", [])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return "", []


def _drawn(share: dict[str, Any]) -> tuple[int | None, str]:
    try:
        parts = share["fractional"]
        sticky = STICKY if len(parts) == 2 else str(parts[0]["cat"][1]["var"])
        percentage = parts[-2][1]
        return (percentage if isinstance(percentage, int) else None), sticky
    except (KeyError, IndexError, TypeError):
        return None, STICKY
