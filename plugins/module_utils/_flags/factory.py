# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the store of flags. Touches nothing itself.

Adding a store means one more file, and one more line in ``STORES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._gate.http import headers_of, url_of
from .._gate.options import Options
from .._gate.tls import tls_of
from .base import Provider
from .boolean import require_prefix
from .configmap import ConfigMap
from .env_file import EnvFile
from .evaluator import Evaluator
from .flagd import Flagd
from .http import TIMEOUT, Service
from .json_file import SECTION, JsonFile
from .rest import PATH, Rest
from .toml_file import TomlFile
from .unleash import Unleash

LONGEST_CALL = 60
WHOLE = "."


def store(raw: Mapping[str, Any], where: str = "store") -> Provider:
    """The store that an operator names.

    :raises InputError: an option is missing, wrong, or of another kind of store.
    """
    given = dict(raw)
    for name, value in (("create", False), ("timeout", TIMEOUT)):
        if given.get(name) == value:
            del given[name]
    options = Options(given, where)
    kind = options.choice("kind", tuple(STORES))
    found = STORES[kind](options)
    options.done(f"a store of kind {kind}")
    return found


def evaluator(raw: Mapping[str, Any] | None, where: str = "evaluator") -> Evaluator | None:
    """The evaluator that an operator names; ``None`` for none."""
    if not raw:
        return None
    options = Options(raw, where)
    found = Evaluator(_service(options))
    options.done("an evaluator")
    return found


def _service(options: Options, **credentials: str) -> Service:
    url = url_of(options)
    if "?" in url or "#" in url:
        raise options.refuse("url", "has a query", "give the address of the service, and credentials in secret_headers")
    tls = tls_of(options, secure=url.startswith("https:"))
    timeout = options.number("timeout", TIMEOUT, 1, LONGEST_CALL)
    return Service(url.rstrip("/"), {**headers_of(options), **credentials}, tls, timeout)


def _path(options: Options) -> Path:
    path = Path(options.text("path"))
    if not path.is_absolute():
        raise options.refuse("path", "is not absolute", "begin it with /")
    return path


def _prefix(options: Options) -> str:
    return require_prefix(options.text("prefix"), f"{options.where}.prefix")


def _flagd(options: Options) -> Provider:
    return Flagd(_path(options), create=options.flag("create", False))


def _json(options: Options) -> Provider:
    section = options.text("section", SECTION)
    return JsonFile(_path(options), create=options.flag("create", False), section="" if section == WHOLE else section)


def _env(options: Options) -> Provider:
    return EnvFile(_path(options), _prefix(options), create=options.flag("create", False))


def _toml(options: Options) -> Provider:
    return TomlFile(_path(options), create=options.flag("create", False))


def _configmap(options: Options) -> Provider:
    create = options.flag("create", False)
    name = options.text("configmap", "")
    if create and not name:
        raise options.refuse("configmap", "is missing", "name the ConfigMap that is made")
    return ConfigMap(_path(options), _prefix(options), name=name, create=create)


def _rest(options: Options) -> Provider:
    path = options.text("api_path", PATH)
    if not path.startswith("/"):
        raise options.refuse("api_path", "does not begin with /", "begin it with /")
    return Rest(_service(options), path)


def _unleash(options: Options) -> Provider:
    token, client_token = options.text("token"), options.text("client_token", "")
    project, environment = options.text("project", "default"), options.text("environment")
    admin = _service(options, Authorization=token)
    client = Service(admin.url, {**admin.headers, "Authorization": client_token}, admin.tls, admin.timeout)
    return Unleash(admin, client if client_token else None, project, environment)


STORES: dict[str, Callable[[Options], Provider]] = {
    "flagd": _flagd,
    "rest": _rest,
    "json": _json,
    "env": _env,
    "toml": _toml,
    "configmap": _configmap,
    "unleash": _unleash,
}
