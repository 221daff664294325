# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about rights that a running release may need. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...directives import CONTRACT
from ..names import listed, quoted
from ..objects import granted, owned
from ..subject import Hit, Subject
from .objects import before_contract, existed

LOST = "rights-lost"


def revoked(s: Subject) -> Iterator[Hit]:
    """REVOKE before the contract."""
    only_passing_on = s.tree.grant_option and s.tree.behavior.name != "DROP_CASCADE"
    if s.file.phase == CONTRACT or s.tree.is_grant or only_passing_on:
        return
    names = [one.shown for one in granted(s.seen, s.tree) if existed(s, one)]
    if names:
        yield before_contract(s, LOST, f"REVOKE on {', '.join(names)}")


def role_revoked(s: Subject) -> Iterator[Hit]:
    """REVOKE of the membership in a role, before the contract."""
    only_passing_on = [one.defname for one in s.tree.opt or ()] == ["admin"]
    if s.file.phase != CONTRACT and not s.tree.is_grant and not only_passing_on:
        yield before_contract(s, LOST, f"REVOKE of {listed(one.priv_name for one in s.tree.granted_roles)}")


def owner(s: Subject) -> Iterator[Hit]:
    """OWNER TO of what is no table, before the contract."""
    one = owned(s.seen, s.tree)
    if s.file.phase != CONTRACT and existed(s, one):
        yield before_contract(s, LOST, _to_another(one.shown, s.tree.newowner))


def owner_of_relation(s: Subject) -> Iterator[Hit]:
    """OWNER TO of a table, a view or a sequence, before the contract."""
    if s.file.phase == CONTRACT or s.tree.objtype.name in ("OBJECT_INDEX", "OBJECT_TYPE"):
        return
    for command in s.commands:
        if command.kind == "AT_ChangeOwner" and s.existed(s.table):
            hit = before_contract(s, LOST, _to_another(s.table.sql(), command.node.newowner))
            yield Hit(hit.rule, command.start, hit.what, hit.steps)


def reassigned(s: Subject) -> Iterator[Hit]:
    """REASSIGN OWNED before the contract."""
    if s.file.phase != CONTRACT:
        roles = ", ".join(map(_role, s.tree.roles))
        yield before_contract(s, LOST, _to_another(f"all that belongs to {roles}", s.tree.newrole))


def _to_another(what: str, role: Any) -> str:
    return f"OWNER TO {_role(role)} of {what}"


def _role(role: Any) -> str:
    return quoted(role.rolename) if role.rolename else str(role.roletype.name).replace("ROLESPEC_", "")
