# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is hidden in audit logs: what the operator names, and what the compliance profiles of the run do.

Reads profiles on the controller. What goes back is kept by nothing of it: where it cannot be told which profiles hold,
whatever any of them hides is masked, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.utils.display import Display
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import SHORTEST_KEY
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.profile import VARIABLE
from ansible_collections.slipway.release.plugins.module_utils._compliance.redaction import (
    Redaction,
    redaction_of,
    redaction_of_all,
)


def profiles_of(templar: Any, variables: Mapping[str, Any]) -> list[str]:
    """The names of the compliance profiles of this run.

    :raises InputError: they cannot be told.
    """
    try:
        found = templar.template(variables.get(VARIABLE) or [])
    except AnsibleError as exc:
        raise InputError(
            f"it cannot be evaluated: {getattr(exc, 'message', exc)}", where=VARIABLE, remedy="define what it refers to"
        ) from exc
    names = [found] if isinstance(found, str) else found
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("it is no list of names", where=VARIABLE, remedy="write a list, such as [sox, gdpr]")
    return [str(name) for name in names]


def usable(key: Any) -> str:
    """The key of the HMAC; empty where there is none that will do."""
    text = str(key or "")
    return text if len(text.encode("utf-8", "surrogatepass")) >= SHORTEST_KEY else ""


def hidden(
    given: Mapping[str, Any], named: str, templar: Any, variables: Mapping[str, Any], *, back: bool
) -> dict[str, Any]:
    """The options ``mask``, ``hash`` and the key that are given, with what the profiles hide.

    What an HMAC was to be kept of is masked where no key will do.

    :param named: the option that is the key.
    :param back: whether this returns to where it was.
    :raises InputError: it cannot be told what the profiles hide, and the act does not go back.
    """
    key = usable(given.get(named))
    asked = of_profiles(templar, variables, has_key=bool(key), back=back)
    mask, hashed = [*(given.get("mask") or []), *asked.mask], [*(given.get("hash") or []), *asked.hashed]
    if not key:
        mask, hashed = [*mask, *hashed], []
    return {"mask": list(dict.fromkeys(mask)), "hash": list(dict.fromkeys(hashed)), named: key}


def of_profiles(templar: Any, variables: Mapping[str, Any], *, has_key: bool, back: bool) -> Redaction:
    """What the profiles of this run hide.

    :param has_key: whether there is a key for an HMAC.
    :param back: whether this returns to where it was.
    :raises InputError: it cannot be told, and the act does not go back.
    """
    try:
        return redaction_of(profiles_of(templar, variables), has_key=has_key)
    except SlipwayError as exc:
        if not back:
            raise
        Display().warning(f"the audit log masks what any compliance profile hides: {exc.message()}")
        return redaction_of_all()
