# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place of the input rules that knows Ansible: conversion of values by Ansible's own rules.

Touches nothing.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common import arg_spec


class Unconvertible(ValueError):
    """The value is not of the declared type, or not one of the choices."""


def convert(name: str, declared: dict[str, Any], value: Any) -> Any:
    """``value`` as the type that ``declared`` (one entry of an argument spec, without suboptions) asks for.

    :raises Unconvertible: with the sentence of Ansible's validator.
    """
    leaf = {key: declared[key] for key in ("type", "elements", "choices") if key in declared}
    validator: Any = arg_spec.ArgumentSpecValidator
    result = validator({name: leaf}).validate({name: value})
    if result.error_messages:
        raise Unconvertible(str(result.error_messages[0]))
    return result.validated_parameters[name]


def convert_options(options: dict[str, dict[str, Any]], value: dict[str, Any]) -> dict[str, Any]:
    """All of ``value`` as a module with the argument spec ``options`` would get it.

    :raises Unconvertible: with the sentence of Ansible's validator.
    """
    validator: Any = arg_spec.ArgumentSpecValidator
    result = validator(options).validate(value)
    if result.error_messages:
        raise Unconvertible(str(result.error_messages[0]))
    return dict(result.validated_parameters)
