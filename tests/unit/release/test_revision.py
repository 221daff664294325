# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revision document: what changes its identifier, what does not, and what it refuses."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build, read, revision_id

WEB = {"name": "web", "kind": "http", "command": "python3 -m shop", "ports": {"blue": 8081, "green": 8082}}
MAILER = {"name": "mailer", "kind": "worker", "command": "python3 -m shop.mailer"}
GIVEN = {"app": "shop", "version": "1.4.2", "artifact_sha256": "a" * 64, "components": [WEB, MAILER]}


def test_identifier_is_sixteen_hexadecimal_digits():
    assert len(revision_id(build(**GIVEN))) == 16
    int(revision_id(build(**GIVEN)), 16)


@pytest.mark.parametrize(
    "same",
    [
        {"components": [MAILER, WEB]},
        {"artifact_sha256": "A" * 64},
        {"user": "slipway-shop"},
        {"components": [{**WEB, "stop_timeout": 30, "overlap": False, "environment": {}}, MAILER]},
        {"components": [{**WEB, "ports": {"green": "8082", "blue": "8081"}}, MAILER]},
        {"config": {}, "schema_range": {}},
    ],
)
def test_spelling_does_not_change_the_revision(same):
    assert revision_id(build(**{**GIVEN, **same})) == revision_id(build(**GIVEN))


@pytest.mark.parametrize(
    "other",
    [
        {"version": "1.4.3"},
        {"artifact_sha256": "b" * 64},
        {"commit": "c" * 40},
        {"config": {"MODE": "fast"}},
        {"secrets": {"db": "x"}, "secrets_key": "k"},
        {"shared_directories": ["uploads"]},
        {"schema_range": {"min": 1, "max": 2}},
        {"user": "shop"},
        {"components": [{**WEB, "memory_max": "1G"}, MAILER]},
        {"components": [WEB]},
    ],
)
def test_every_input_changes_the_revision(other):
    assert revision_id(build(**{**GIVEN, **other})) != revision_id(build(**GIVEN))


def test_document_holds_no_secret_and_depends_on_its_value():
    def sealed(value, key="key"):
        return build(**GIVEN, secrets={"db": value}, secrets_key=key)

    document = sealed("hunter2")
    assert "hunter2" not in json.dumps(document)
    assert document == sealed("hunter2")
    assert len({revision_id(item) for item in (document, sealed("other"), sealed("hunter2", "key2"))}) == 3


def test_a_document_survives_json_and_reading():
    document = build(**GIVEN, config={"A": 1, "B": True}, secrets={"db": "x"}, secrets_key="k")
    assert read(json.loads(json.dumps(document))) == document
    assert document["config"] == {"A": "1", "B": "true"}


def test_reading_refuses_an_altered_document():
    document = build(**GIVEN)
    for altered in (
        {**document, "schema": 2},
        {**document, "extra": 1},
        {**document, "app": "../etc"},
        {key: document[key] for key in document if key != "user"},
        {**document, "components": [{**WEB}]},
    ):
        with pytest.raises(InputError):
            read(altered)


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        ({"app": "Shop"}, "slipway_app"),
        ({"app": "shop\n"}, "slipway_app"),
        ({"version": "1/2"}, "slipway_version"),
        ({"version": ""}, "slipway_version"),
        ({"artifact_sha256": "abc"}, "slipway_artifact_sha256"),
        ({"components": []}, "slipway_components"),
        ({"components": [WEB, WEB]}, "slipway_components"),
        ({"components": [WEB, {**WEB, "name": "api"}]}, "slipway_components"),
        ({"components": [{**WEB, "kind": "cron"}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "ports": {"blue": 8081}}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "ports": {"blue": 0, "green": 1}}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "command": "+/bin/sh"}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "command": "a\nExecStartPre=/bin/b"}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "command": "a ; b"}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "stop_timeout": 0}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "memory_max": "lots"}]}, "slipway_components[web]"),
        ({"components": [{**WEB, "environment": {"PORT": "1"}}]}, "slipway_components[web]"),
        ({"components": [{**MAILER, "ports": {"blue": 1, "green": 2}}]}, "slipway_components[mailer]"),
        ({"components": [{**MAILER, "kind": "scheduled"}]}, "slipway_components[mailer]"),
        ({"components": [{**MAILER, "schedule": "daily"}]}, "slipway_components[mailer]"),
        ({"config": {"A B": "1"}}, "slipway_config"),
        ({"config": {"A": None}}, "slipway_config"),
        ({"config": {"A": "\x00"}}, "slipway_config"),
        ({"shared_directories": ["/etc"]}, "slipway_shared_directories"),
        ({"shared_directories": ["a/../.."]}, "slipway_shared_directories"),
        ({"shared_directories": ["a", "a/b"]}, "slipway_shared_directories"),
        ({"schema_range": {"min": 3, "max": 1}}, "slipway_schema_range"),
        ({"schema_range": {"min": 3}}, "slipway_schema_range"),
        ({"secrets": {"db": "x"}}, "secrets_key"),
        ({"secrets": {"../db": "x"}, "secrets_key": "k"}, "secrets"),
        ({"user": "root:0"}, "slipway_user"),
    ],
)
def test_bad_input_names_the_variable(bad, where):
    with pytest.raises(InputError) as caught:
        build(**{**GIVEN, **bad})
    assert caught.value.where == where
    assert caught.value.remedy
