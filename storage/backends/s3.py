"""Amazon S3 and whatever speaks its protocol: `obstore` for bulk bytes, `boto3` for control."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import boto3
import obstore
import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from obstore.exceptions import BaseError
from obstore.store import S3Store

from core.clock import utc_now
from storage.backends.base import (
    CHUNK_BYTES,
    PAGE_OBJECTS,
    Backend,
    ObjectInfo,
    ObjectPage,
    check_key,
)
from storage.backends.errors import (
    BackendUnavailableError,
    InvalidKeyError,
    ObjectLockedError,
    ObjectMissingError,
    RetentionRefusedError,
)

logger = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_MEDIA_TYPE = "application/octet-stream"
# What stores without versions answer to the question after them, and stores with locks to a removal.
NOT_OFFERED_CODES = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
LOCKED_CODES = frozenset({"AccessDenied", "InvalidRequest", "ObjectLocked"})
MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
BUCKET_EXISTS_CODES = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
CONNECT_SECONDS = 5
REQUEST_SECONDS = 120
RETRIES = 3
_NO_LOCK = (
    "the bucket has no Object Lock: make one that has, or set LAKEWARDEN_AUDIT_RETENTION_DAYS=0"
)


class S3Backend(Backend):
    """`root` is `s3://bucket` or `s3://bucket/prefix`; endpoint and credentials are settings."""

    def __init__(self, root: str) -> None:
        parts = urlsplit(root)
        if parts.scheme != "s3" or not parts.netloc:
            raise InvalidKeyError(f"root `{root}` must look like `s3://bucket/prefix`")
        self.root = root.rstrip("/")
        self.bucket = parts.netloc
        self.prefix = parts.path.strip("/")

    def check(self) -> None:
        self._control(self._client.head_bucket, Bucket=self.bucket)

    def ensure_root(self) -> None:
        try:
            self._client.create_bucket(Bucket=self.bucket, **_bucket_region())
        except ClientError as error:
            if _code(error) not in BUCKET_EXISTS_CODES:
                raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error

    def put_file(
        self, key: str, path: Path, *, media_type: str = "", storage_class: str = ""
    ) -> None:
        if storage_class:
            extra = {
                "StorageClass": storage_class,
                "ContentType": media_type or DEFAULT_MEDIA_TYPE,
            }
            self._control(
                self._client.upload_file, str(path), self.bucket, self._full(key), ExtraArgs=extra
            )
            return
        attributes = {"Content-Type": media_type or DEFAULT_MEDIA_TYPE}
        _bulk(obstore.put, self._store, self._full(key), path, attributes=attributes)

    def put_stream(
        self, key: str, chunks: Iterable[bytes], *, media_type: str = "", storage_class: str = ""
    ) -> None:
        full = self._full(key)
        if storage_class:
            self._put_with_class(full, chunks, media_type, storage_class)
            return
        # obstore reads an iterator as a multipart upload, which is completed only after its last chunk.
        attributes = {"Content-Type": media_type or DEFAULT_MEDIA_TYPE}
        _bulk(obstore.put, self._store, full, iter(chunks), attributes=attributes)

    def put_bytes(
        self, key: str, data: bytes, *, media_type: str = "", storage_class: str = ""
    ) -> None:
        if storage_class:
            self._put_with_class(self._full(key), [data], media_type, storage_class)
            return
        attributes = {"Content-Type": media_type or DEFAULT_MEDIA_TYPE}
        _bulk(obstore.put, self._store, self._full(key), data, attributes=attributes)

    def put_kept(
        self, key: str, data: bytes, *, media_type: str, until: datetime | None, mode: str
    ) -> None:
        """Store `data` so that nobody can remove it before `until` (S3 Object Lock; None: without).

        Raises RetentionRefusedError where the bucket keeps nothing, or took the object and forgot the lock.
        """
        lock: dict[str, Any] = {}
        if until is not None:
            self._check_lock()
            lock = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
        full = self._full(key)
        self._control(
            self._client.put_object,
            Bucket=self.bucket,
            Key=full,
            Body=data,
            ContentType=media_type,
            ChecksumAlgorithm="SHA256",
            **lock,
        )
        if lock:
            kept = self._control(self._client.head_object, Bucket=self.bucket, Key=full)
            if kept.get("ObjectLockMode") != mode or kept.get("ObjectLockRetainUntilDate") != until:
                raise RetentionRefusedError(
                    "the object store took the object, but keeps it not as long as asked"
                )

    def _check_lock(self) -> None:
        try:
            answer = self._client.get_object_lock_configuration(Bucket=self.bucket)
        except ClientError as error:
            raise RetentionRefusedError(_NO_LOCK) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        if answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise RetentionRefusedError(_NO_LOCK)

    def get_range(self, key: str, *, start: int, length: int) -> bytes:
        end = min(self.head(key).size, start + length)
        if end <= start:
            return b""
        return bytes(_bulk(obstore.get_range, self._store, self._full(key), start=start, end=end))

    def iterate(self, key: str, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        result = _bulk(obstore.get, self._store, self._full(key))
        return _chunks(result.stream(min_chunk_size=chunk_bytes))

    def head(self, key: str) -> ObjectInfo:
        answer = self._control(self._client.head_object, Bucket=self.bucket, Key=self._full(key))
        return ObjectInfo(
            key=key,
            size=int(answer["ContentLength"]),
            etag=str(answer["ETag"]),
            modified_at=answer["LastModified"],
            # S3 leaves the header out for STANDARD ("HeadObject", x-amz-storage-class).
            storage_class=str(answer.get("StorageClass", "STANDARD")),
        )

    def list_page(
        self, prefix: str = "", *, after: str = "", limit: int = PAGE_OBJECTS
    ) -> ObjectPage:
        base = f"{self.prefix}/" if self.prefix else ""
        answer = self._control(
            self._client.list_objects_v2,
            Bucket=self.bucket,
            Prefix=base + prefix,
            StartAfter=base + after if after else "",
            MaxKeys=min(limit, PAGE_OBJECTS),
        )
        objects = tuple(_listed(row, base) for row in answer.get("Contents", []))
        more = bool(answer.get("IsTruncated")) and bool(objects)
        return ObjectPage(objects=objects, next_after=objects[-1].key if more else None)

    def delete(self, key: str) -> None:
        self._control(self._client.delete_object, Bucket=self.bucket, Key=self._full(key))

    def purge(self, key: str) -> None:
        if not _is_versioned(self.bucket):
            self.delete(key)
            return
        full = self._full(key)
        pages = self._client.get_paginator("list_object_versions")
        for page in self._control(lambda: list(pages.paginate(Bucket=self.bucket, Prefix=full))):
            for row in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                if row["Key"] == full:
                    self._purge_version(full, row["VersionId"])

    def _purge_version(self, full: str, version: str) -> None:
        try:
            self._client.delete_object(Bucket=self.bucket, Key=full, VersionId=version)
        except ClientError as error:
            if _code(error) in LOCKED_CODES:
                raise ObjectLockedError("the object store keeps a version of the object") from error
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error

    def is_locked(self, key: str) -> bool:
        answer = self._control(self._client.head_object, Bucket=self.bucket, Key=self._full(key))
        until: datetime | None = answer.get("ObjectLockRetainUntilDate")
        held = answer.get("ObjectLockLegalHoldStatus") == "ON"
        return held or (until is not None and until > utc_now())

    def copy_from(
        self, source: Backend, source_key: str, key: str, *, storage_class: str = ""
    ) -> None:
        if not isinstance(source, S3Backend):
            super().copy_from(source, source_key, key, storage_class=storage_class)
            return
        extra = {"StorageClass": storage_class} if storage_class else {}
        # boto3's managed copy is one CopyObject, or parts of it above S3's limit of 5 GiB a request.
        self._control(
            self._client.copy,
            {"Bucket": source.bucket, "Key": source._full(source_key)},  # noqa: SLF001 - its own class
            self.bucket,
            self._full(key),
            ExtraArgs=extra,
        )

    def _put_with_class(
        self, full: str, chunks: Iterable[bytes], media_type: str, storage_class: str
    ) -> None:
        with tempfile.SpooledTemporaryFile(max_size=8 * CHUNK_BYTES) as file:
            file.writelines(chunks)
            file.seek(0)
            extra = {
                "StorageClass": storage_class,
                "ContentType": media_type or DEFAULT_MEDIA_TYPE,
            }
            self._control(self._client.upload_fileobj, file, self.bucket, full, ExtraArgs=extra)

    @property
    def _store(self) -> S3Store:
        return _store_of(self.bucket, os.getpid())

    @property
    def _client(self) -> Any:
        return _client_of(os.getpid())

    def _full(self, key: str) -> str:
        check_key(key)
        return f"{self.prefix}/{key}" if self.prefix else key

    @staticmethod
    def _control(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            if _code(error) in MISSING_CODES:
                raise ObjectMissingError("no object lies under this key") from error
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error


def _bulk(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    except FileNotFoundError as error:
        raise ObjectMissingError("no object lies under this key") from error
    except (BaseError, PermissionError) as error:
        raise _unavailable(error) from error


def _chunks(stream: Iterable[Any]) -> Iterator[bytes]:
    try:
        for chunk in stream:
            yield bytes(chunk)
    except BaseError as error:
        raise _unavailable(error) from error


def _listed(row: dict[str, Any], base: str) -> ObjectInfo:
    modified: datetime = row["LastModified"]
    return ObjectInfo(
        key=str(row["Key"]).removeprefix(base),
        size=int(row["Size"]),
        etag=str(row["ETag"]),
        modified_at=modified,
        storage_class=str(row.get("StorageClass", "STANDARD")),
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> BackendUnavailableError:
    logger.warning("object store failed", error=type(error).__name__, detail=str(error)[:500])
    return BackendUnavailableError("the object store did not do what was asked")


def _bucket_region() -> dict[str, Any]:
    s3 = settings.LAKEWARDEN.s3
    # AWS refuses a LocationConstraint that names its first region ("CreateBucket").
    if s3.endpoint_url or s3.region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": s3.region}}


def _is_versioned(bucket: str) -> bool:
    """Whether the bucket keeps versions, now or from before; asked each time, since it can be switched on."""
    try:
        answer = _client_of(os.getpid()).get_bucket_versioning(Bucket=bucket)
    except ClientError as error:
        if _code(error) in NOT_OFFERED_CODES:
            return False
        raise _unavailable(error) from error
    except BotoCoreError as error:
        raise _unavailable(error) from error
    return bool(answer.get("Status"))


@lru_cache(maxsize=64)
def _store_of(bucket: str, process_id: int) -> S3Store:
    """One store a bucket and process: connections do not survive a fork."""
    del process_id
    s3 = settings.LAKEWARDEN.s3
    pairs: dict[str, Any] = {
        "endpoint": s3.endpoint_url,
        "access_key_id": s3.access_key_id,
        "secret_access_key": s3.secret_access_key,
        "region": s3.region,
        # The server refuses an upload whose bytes changed on the way.
        "checksum_algorithm": "sha256",
    }
    config: Any = {key: value for key, value in pairs.items() if value}
    allow_http = bool(s3.endpoint_url and s3.endpoint_url.startswith("http://"))
    return S3Store(
        bucket,
        config=config,
        virtual_hosted_style_request=s3.endpoint_url is None,
        client_options={
            "allow_http": allow_http,
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=60)},
    )


@lru_cache(maxsize=1)
def _client_of(process_id: int) -> Any:
    del process_id
    s3 = settings.LAKEWARDEN.s3
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name=s3.region,
        config=Config(
            s3={"addressing_style": "path" if s3.endpoint_url else "auto"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=REQUEST_SECONDS,
            retries={"max_attempts": RETRIES, "mode": "standard"},
        ),
    )
