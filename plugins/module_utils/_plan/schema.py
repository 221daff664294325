# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which slots hold a release that would not work any more after a step of the database. Touches nothing.

A stopped slot counts as one that runs: it is what a rollback returns to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .._migrate.directives import CONTRACT
from .._migrate.fit import Form, forms, too_new, too_old
from .._migrate.names import Version, version_of

Judge = Callable[[Mapping[str, int], Form], str]
FORCE = "slipway_force=true with a slipway_reason goes on all the same"
REMEDIES = {
    "contract": "deploy releases that work without it until they fill both slots, or state the last migration that is "
    f"due in slipway_migrate_to; {FORCE}",
    "undo": "roll back or deploy until no slot holds one that needs it, or undo to a higher slipway_migrate_to; "
    f"{FORCE}",
}


def slots_in_the_way(
    live: Mapping[str, Mapping[str, Any]], schemas: Sequence[Mapping[str, Any]], step: str, target: str = ""
) -> dict[str, Any]:
    """What forbids a step of the database.

    :param live: application host to what ``host_info`` returned there.
    :param schemas: of ``pg_migrate_info``.
    :param step: ``contract`` or ``undo``.
    :param target: the last migration that is contracted, or that stays.
    :returns: ``reason``, empty when nothing forbids it, and ``unknown``, releases that do not say what they need.
    """
    now = forms(schemas)
    to = version_of(target, "slipway_migrate_to") if target else None
    then = [_after(form, step, to) for form in now]
    if then == now:
        return {"reason": "", "unknown": []}
    judge = too_new if step == CONTRACT else too_old
    found: dict[str, list[str]] = {}
    unknown = set()
    for host, slot, version, wanted in _held(live):
        if slot is None:
            found.setdefault(version, []).append(host)
        elif not wanted:
            unknown.add(version)
        else:
            why = _why(judge, wanted, then)
            if why:
                found.setdefault(f"slot {slot} holds {version}, and after this {why}", []).append(host)
    reasons = [f"{', '.join(hosts)}: {what}" for what, hosts in found.items()]
    return {"reason": f"{'; '.join(reasons)}. Remedy: {REMEDIES[step]}." if reasons else "", "unknown": sorted(unknown)}


def _after(form: Form, step: str, target: Version | None) -> Form:
    if step == CONTRACT:
        return form.after((CONTRACT,), target)
    return form.undone_to(target) if target else form


def _why(judge: Judge, wanted: Mapping[str, int], then: Sequence[Form]) -> str:
    return next(filter(None, (judge(wanted, form) for form in then)), "")


def _held(live: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str | None, str, Mapping[str, int] | None]]:
    """Host, slot, version and schema range of every release in a slot.

    Of a host that says nothing there is no slot, and why in the place of the version.
    """
    for host, facts in sorted(live.items()):
        release = facts.get("release") or {}
        if facts.get("unreachable") or not release or release.get("error"):
            why = release.get("error") or facts.get("msg") or "it cannot be reached"
            yield host, None, f"what its slots hold is not known ({str(why).strip()})", None
            continue
        documents = {item["id"]: item.get("document") or {} for item in release["revisions"]}
        for slot, content in sorted(release["slots"].items()):
            if content.get("revision"):
                document = documents.get(content["revision"], {})
                yield host, slot, str(content.get("version") or content["revision"]), document.get("schema_range")
