# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket with Object Lock, over HTTP: each batch is one locked object, and a batch that is sent again is the same.

The server is moto's, on a port of this computer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import outbox
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks import factory
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from .made import an_event, files, filled, lines, log

ORIGIN = "db1/deployments"
ACCESS = {"region": "us-east-1", "access_key": "AKIAEXAMPLE", "secret_key": "s3-secret-key"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its URL."""
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def client(server: str) -> Any:
    """Somebody who looks into buckets."""
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="s3-secret-key",
    )


@pytest.fixture
def bucket(client: Any) -> str:
    """A new bucket."""
    name = f"audit-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def deliver(directory: Path, server: str, **options: Any) -> outbox.Delivery:
    """One run."""
    _name, sink = factory.make({"type": "s3", "days": 30, "endpoint_url": server, **ACCESS, **options}, ORIGIN)
    return outbox.deliver(files(directory), "s3", sink, log(directory).head().seq, timeout=20)


def test_each_batch_is_a_locked_object(tmp_path: Path, server: str, client: Any, bucket: str) -> None:
    head = filled(tmp_path, 9, 1)
    assert deliver(tmp_path, server, bucket=bucket) == outbox.Delivery("s3", head.seq, 0)
    (found,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"] == f"audit/db1/deployments/{1:016d}-{head.seq:016d}-{head.hash}.jsonl"
    got = client.get_object(Bucket=bucket, Key=found["Key"])
    assert got["Body"].read() == b"".join(lines(files(tmp_path).current))
    assert got["ObjectLockMode"] == "COMPLIANCE"
    assert got["ObjectLockRetainUntilDate"] > datetime.now(timezone.utc) + timedelta(days=29)


def test_a_batch_that_is_sent_again_is_the_same_object(tmp_path: Path, server: str, client: Any, bucket: str) -> None:
    filled(tmp_path, 9, 1)
    deliver(tmp_path, server, bucket=bucket)
    (files(tmp_path).top / "outbox/s3.json").unlink()
    assert deliver(tmp_path, server, bucket=bucket).error == ""
    assert len(client.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_nothing_that_was_sent_can_be_deleted(tmp_path: Path, server: str, client: Any, bucket: str) -> None:
    filled(tmp_path, 9, 1)
    deliver(tmp_path, server, bucket=bucket)
    (found,) = client.list_object_versions(Bucket=bucket)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
    log(tmp_path).append([an_event()])
    assert deliver(tmp_path, server, bucket=bucket).sent == 1
    assert len(client.list_objects_v2(Bucket=bucket)["Contents"]) == 2


def test_a_bucket_that_is_not_there_is_told_without_secrets(tmp_path: Path, server: str) -> None:
    filled(tmp_path, 9, 1)
    done = deliver(tmp_path, server, bucket="none")
    assert "NoSuchBucket" in done.error and "secret" not in done.error
    done = deliver(tmp_path, "http://127.0.0.1:9", bucket="none")
    assert "cannot be reached" in done.error
