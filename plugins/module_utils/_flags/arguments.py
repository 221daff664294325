# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a store and of an evaluator: what the modules take, and what the inputs are judged by.

Touches nothing.
"""

from __future__ import annotations

from typing import Any

from .model import STICKY, STRATEGIES

KINDS = ("flagd", "rest", "json", "env", "toml", "configmap", "unleash")
TLS: dict[str, Any] = {
    "verify": {"type": "bool", "default": True, "description": "Whether the certificate is checked."},
    "ca": {"type": "str", "description": "File with the certificates to trust; those of the system when omitted."},
    "server_name": {"type": "str", "description": "Name that the certificate must have; that of the URL when omitted."},
}
SERVICE: dict[str, Any] = {
    "headers": {"type": "dict", "description": "More headers, without credentials."},
    "secret_headers": {"type": "dict", "no_log": True, "description": "Headers with credentials; shown nowhere."},
    "tls": {"type": "dict", "options": TLS, "description": "How a server of HTTPS proves who it is."},
    "timeout": {"type": "int", "default": 10, "units": "seconds", "description": "How long one call may take."},
}
STORE: dict[str, Any] = {
    "kind": {
        "type": "str",
        "required": True,
        "choices": list(KINDS),
        "description": "C(flagd), C(json), C(env), C(toml) and C(configmap) are files, C(rest) and C(unleash) are "
        "services.",
    },
    "path": {"type": "str", "description": "Absolute path of the file."},
    "create": {"type": "bool", "default": False, "description": "Whether a file that is missing is made."},
    "section": {
        "type": "str",
        "description": "Of C(json), name of the object that has the flags; C(flags) when omitted, C(.) for the file "
        "itself.",
    },
    "prefix": {
        "type": "str",
        "description": "Of C(env) and C(configmap), what stands before C(_FF_) in the names of variables.",
    },
    "configmap": {"type": "str", "description": "Name of the ConfigMap, where the manifest has several."},
    "url": {"type": "str", "description": "Of C(rest) and C(unleash), where the service is."},
    "api_path": {"type": "str", "description": "Of C(rest), path of the flags; C(/feature-flags) when omitted."},
    "token": {"type": "str", "no_log": True, "description": "Of C(unleash), a token of the admin API."},
    "client_token": {
        "type": "str",
        "no_log": True,
        "description": "Of C(unleash), a token of the client API in the environment; with it, what evaluators get is "
        "read back.",
    },
    "project": {"type": "str", "description": "Of C(unleash), the project; C(default) when omitted."},
    "environment": {"type": "str", "description": "Of C(unleash), the environment that flags are set in."},
    **SERVICE,
}
EVALUATOR: dict[str, Any] = {
    "url": {
        "type": "str",
        "required": True,
        "description": "Where it answers the OpenFeature remote evaluation protocol.",
    },
    **SERVICE,
}
ROLLOUT: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the flag."},
    "strategy": {
        "type": "str",
        "required": True,
        "choices": list(STRATEGIES),
        "description": "C(off) is nobody, C(canary) some segments, C(gradual) a share of the users, C(full) everybody, "
        "C(kill_switch) nobody until it is revived.",
    },
    "percentage": {
        "type": "int",
        "units": "percent",
        "description": "Share of the users, or of those in the segments, C(0) to C(100).",
    },
    "segments": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Segments whose users can have it; all users when empty.",
    },
    "tenants": {
        "type": "dict",
        "default": {},
        "description": "Tenants for whom it is C(true) or C(false) whatever the rest says, but for a kill switch.",
    },
    "sticky": {
        "type": "str",
        "default": STICKY,
        "description": "Field of the user that the share is drawn by.",
    },
}


def plain(spec: dict[str, Any]) -> dict[str, Any]:
    """An argument spec without what is only for readers, as modules take it."""
    return {
        name: {
            key: plain(value) if key == "options" else value
            for key, value in declared.items()
            if key not in ("description", "units")
        }
        for name, declared in spec.items()
    }
