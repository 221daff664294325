# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the words for facts: templates that come with the collection, and an operator's own in their stead.

Reads files of the controller. A template is one of Jinja, in its sandbox; its first line is the title.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .model import EVENTS, OPENING, SEVERITY_OF, Facts, Message, told

OWN = Path(__file__).with_name("templates")
VARIABLE = "slipway_notification_templates"
SAMPLE_TIME = 1_800_000_000
LONGEST_TITLE = 200
LONGEST_TEXT = 8000


def compose(facts: Facts, directory: str = "") -> tuple[Message, str]:
    """The message, and what kept a template of the operator from being used; empty where nothing did.

    :param directory: with templates of the operator; empty for none.
    """
    path = Path(directory) / f"{facts.event}.j2" if directory else None
    if path and path.exists():
        try:
            return _written(path, facts), ""
        except InputError as exc:
            return _written(OWN / path.name, facts), exc.message()
    return _written(OWN / f"{facts.event}.j2", facts), ""


def check(directory: str) -> None:
    """See that each template of an operator can be filled in.

    :raises InputError: one cannot, or the directory has none.
    """
    found = sorted(Path(directory).glob("*.j2"))
    unknown = [path.name for path in found if path.stem not in EVENTS]
    if not found or unknown:
        what = f"{unknown[0]} is of no event" if unknown else "there is no template, <event>.j2, in it"
        remedy = f"name each after one of {', '.join(EVENTS)}"
        raise InputError(what, where=f"{VARIABLE}: {directory}", remedy=remedy)
    for path in found:
        severity = SEVERITY_OF.get(path.stem, "")
        _written(path, Facts(event=path.stem, app="shop", at=SAMPLE_TIME, severity=severity))


def _written(path: Path, facts: Facts) -> Message:
    sandbox: Any = importlib.import_module("jinja2.sandbox")
    jinja: Any = importlib.import_module("jinja2")
    settings = {"undefined": jinja.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True, "autoescape": False}
    try:
        template = sandbox.ImmutableSandboxedEnvironment(**settings).from_string(path.read_text(encoding="utf-8"))
        words = str(template.render(event=facts.event, opens=facts.event in OPENING, **told(facts)))
    except (jinja.TemplateError, ArithmeticError, LookupError, OSError, TypeError, ValueError) as exc:
        raise InputError(
            f"the template cannot be filled in: {type(exc).__name__}",
            where=f"{VARIABLE}: {path}",
            remedy="use the names that docs/notifications.md lists",
        ) from None
    lines = [" ".join(line.split()) for line in words.strip().splitlines()]
    title = lines[0] if lines else f"{facts.app}: {facts.event}"
    return Message(facts, title[:LONGEST_TITLE], "\n".join(line for line in lines[1:] if line)[:LONGEST_TEXT])
