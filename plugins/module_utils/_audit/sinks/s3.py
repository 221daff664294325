# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket with Object Lock, in which not even the owner changes an object before its time. Needs boto3."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ..._common.errors import SystemFailure
from ..record import Record
from .base import Capabilities, Options, Sink, SinkError

MODES = ("COMPLIANCE", "GOVERNANCE")


class S3(Sink):
    """One object a batch, named after its records and the last hash, so that a batch sent again is the same object.

    :param days: for which each object is locked.
    """

    capabilities = Capabilities(acknowledges=True, idempotent=True, immutable=True)

    def __init__(self, bucket: str, prefix: str, mode: str, days: int, client: dict[str, str]) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self.mode = mode
        self.days = days
        self.client = client

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """Put the object, unless it is there."""
        boto3, errors, config = _boto3()
        first, last = batch[0], batch[-1]
        key = f"{self.prefix}/{first.seq:016d}-{last.seq:016d}-{last.hash}.jsonl"
        settings = config.Config(connect_timeout=timeout, read_timeout=timeout, retries={"max_attempts": 1})
        try:
            client = boto3.client("s3", config=settings, **self.client)
            client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=b"".join(record.line + b"\n" for record in batch),
                ContentType="application/x-ndjson",
                ChecksumAlgorithm="SHA256",
                ObjectLockMode=self.mode,
                ObjectLockRetainUntilDate=datetime.now(timezone.utc) + timedelta(days=self.days),
                IfNoneMatch="*",
            )
        except errors.ClientError as exc:
            code = exc.response.get("Error", {}).get("Code", "")
            if code != "PreconditionFailed":
                raise self._failed(f"the bucket has refused the records: {code}") from None
        except (errors.BotoCoreError, ValueError) as exc:
            raise self._failed(f"the bucket cannot be reached: {type(exc).__name__}") from None

    def _failed(self, what: str) -> SinkError:
        return SinkError(
            what,
            where=f"s3://{self.bucket}/{self.prefix}",
            remedy="see that the bucket has Object Lock and the credentials may put objects; they are sent again",
        )

    def secrets(self) -> set[str]:
        """The secret key."""
        return {value for name, value in self.client.items() if "secret" in name or "token" in name}

    def close(self) -> None:
        """Each batch has its own client."""


def _boto3() -> tuple[Any, Any, Any]:
    try:
        library = importlib.import_module("boto3")
        return library, importlib.import_module("botocore.exceptions"), importlib.import_module("botocore.config")
    except ImportError as exc:
        raise SystemFailure(
            "boto3 is not installed for the Python that runs this module",
            where="boto3",
            remedy="install it there, as the package python3-boto3 or with 'pip install boto3'",
        ) from exc


def make(options: Options) -> S3:
    """Read ``bucket``, ``prefix``, ``mode``, ``days``, ``region``, ``endpoint_url`` and the credentials."""
    bucket, origin = options.text("bucket"), options.text("origin")
    prefix = options.text("prefix", f"audit/{origin}").strip("/")
    mode, days = options.text("mode", MODES[0]), options.number("days", 365)
    names = {
        "region": "region_name",
        "endpoint_url": "endpoint_url",
        "access_key": "aws_access_key_id",
        "secret_key": "aws_secret_access_key",
        "session_token": "aws_session_token",
    }
    given = {argument: options.text(name, "") for name, argument in names.items()}
    options.end()
    if mode not in MODES:
        raise options.refused("mode", f"must be one of {' and '.join(MODES)}")
    if days < 1:
        raise options.refused("days", "must be 1 or more")
    return S3(bucket, prefix, mode, days, {name: value for name, value in given.items() if value})
