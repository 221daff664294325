# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket with Object Lock, over HTTP: each batch is one locked object, and a batch that is sent again is the same."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import outbox
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks import factory

from ...unit.audit.made import files, filled, lines, log
from .conftest import S3

ACCESS = {"region": "us-east-1", "endpoint_url": S3, "access_key": "AKIAEXAMPLE", "secret_key": "s3-secret-key"}


@pytest.fixture
def client() -> Any:
    """Somebody who looks into buckets."""
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=S3,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="s3-secret-key",
    )


@pytest.fixture
def bucket(client: Any) -> str:
    """A new bucket."""
    name = f"audit-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def deliver(directory: Path, **options: Any) -> outbox.Delivery:
    """One run."""
    _name, sink = factory.make({"type": "s3", "days": 30, **ACCESS, **options}, "db1/deployments")
    return outbox.deliver(files(directory), "s3", sink, log(directory).head().seq, timeout=20)


def test_each_batch_is_a_locked_object(tmp_path: Path, client: Any, bucket: str) -> None:
    head = filled(tmp_path, 9, 1)
    assert deliver(tmp_path, bucket=bucket) == outbox.Delivery("s3", head.seq, 0)
    (found,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"] == f"audit/db1/deployments/{1:016d}-{head.seq:016d}-{head.hash}.jsonl"
    got = client.get_object(Bucket=bucket, Key=found["Key"])
    assert got["Body"].read() == b"".join(lines(files(tmp_path).current))
    assert got["ObjectLockMode"] == "COMPLIANCE"
    assert got["ObjectLockRetainUntilDate"] > datetime.now(timezone.utc) + timedelta(days=29)


def test_a_batch_that_is_sent_again_is_the_same_object(tmp_path: Path, client: Any, bucket: str) -> None:
    filled(tmp_path, 9, 1)
    deliver(tmp_path, bucket=bucket)
    (files(tmp_path).top / "outbox/s3.json").unlink()
    assert deliver(tmp_path, bucket=bucket).error == ""
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_a_bucket_that_is_not_there_is_told_without_secrets(tmp_path: Path) -> None:
    filled(tmp_path, 9, 1)
    done = deliver(tmp_path, bucket="none")
    assert "NoSuchBucket" in done.error and "secret" not in done.error
    done = deliver(tmp_path, bucket="none", endpoint_url="http://127.0.0.1:9")
    assert "cannot be reached" in done.error
