# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of where flags are kept, for all modules of flags."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a store."""

    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where the flags are kept. V(flagd), V(json), V(env), V(toml) and V(configmap) are files on the host that the
        task runs on, V(rest) and V(unleash) are services.
      - V(env), V(toml) and V(configmap) keep on and off only, and applications read them when they start.
    type: dict
    required: true
    suboptions:
      kind:
        description: Kind of the store.
        type: str
        required: true
        choices: [flagd, rest, json, env, toml, configmap, unleash]
      path:
        description: Absolute path of the file. What a link names is edited, and the link stays.
        type: str
      create:
        description: Whether a file that is missing is made; its directory must be there.
        type: bool
        default: false
      section:
        description: Of V(json), name of the object that has the flags; V(flags) when omitted, V(.) for the file itself.
        type: str
      prefix:
        description: Of V(env) and V(configmap), what stands before C(_FF_) in the names of variables.
        type: str
      configmap:
        description: Name of the ConfigMap, where the manifest has several or is made.
        type: str
      url:
        description: Of V(rest) and V(unleash), where the service is.
        type: str
      api_path:
        description: Of V(rest), path of the flags; V(/feature-flags) when omitted.
        type: str
      token:
        description: Of V(unleash), a token of the admin API.
        type: str
      client_token:
        description:
          - Of V(unleash), a token of the client API in the environment. With it, what evaluators get is read back.
        type: str
      project:
        description: Of V(unleash), the project; V(default) when omitted.
        type: str
      environment:
        description: Of V(unleash), the environment that flags are set in.
        type: str
      headers:
        description: More headers of a service, without credentials.
        type: dict
      secret_headers:
        description: Headers of a service with credentials; shown nowhere.
        type: dict
      tls:
        description: How a server of HTTPS proves who it is.
        type: dict
        suboptions:
          verify:
            description: Whether the certificate is checked.
            type: bool
            default: true
          ca:
            description: File with the certificates to trust; those of the system when omitted.
            type: str
          server_name:
            description: Name that the certificate must have; that of the URL when omitted.
            type: str
      timeout:
        description: Seconds that one call of a service may take, 1 to 60.
        type: int
        default: 10
"""

    FLAGS = r"""
options:
  flags:
    description: Flags, as M(slipway.release.flag_set) takes them.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the flag.
        type: str
        required: true
      strategy:
        description: Who has it.
        type: str
        required: true
        choices: ["off", canary, gradual, full, kill_switch]
      percentage:
        description: Share of the users.
        type: int
      segments:
        description: Segments whose users can have it.
        type: list
        elements: str
        default: []
      tenants:
        description: Tenants for whom it is on or off whatever the rest says.
        type: dict
        default: {}
      sticky:
        description: Field of the context that the share is drawn by.
        type: str
        default: targetingKey
"""

    EVALUATOR = r"""
options:
  evaluator:
    description:
      - A running evaluator that is asked what users get, such as flagd, by the OpenFeature remote evaluation protocol
        (C(POST /ofrep/v1/evaluate/flags/NAME)). Users that a draw decides about are not asked for.
    type: dict
    suboptions:
      url:
        description: Where it answers.
        type: str
        required: true
      headers:
        description: More headers, without credentials.
        type: dict
      secret_headers:
        description: Headers with credentials; shown nowhere.
        type: dict
      tls:
        description: How a server of HTTPS proves who it is.
        type: dict
        suboptions:
          verify:
            description: Whether the certificate is checked.
            type: bool
            default: true
          ca:
            description: File with the certificates to trust; those of the system when omitted.
            type: str
          server_name:
            description: Name that the certificate must have; that of the URL when omitted.
            type: str
      timeout:
        description: Seconds that one call may take, 1 to 60.
        type: int
        default: 10
"""
