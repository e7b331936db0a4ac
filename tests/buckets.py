"""A real S3 service on this machine (moto's, over HTTP), and stores in its buckets."""

from __future__ import annotations

import itertools
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.storage.blobs import BlobPlaces, BlobStore, open_store

KEY_ID = "testing"
SECRET = "testing-secret"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Service:
    """A running S3 service.

    Attributes:
        url: Its address.
    """

    url: str

    @property
    def client(self):
        """Amazon's own client of it, to look from outside at what the program did."""
        import boto3  # takes a second, which only tests of S3 should pay

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def bucket(self) -> str:
        """Makes a bucket; returns its name."""
        name = f"bucket-{next(_numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> list[str]:
        """Names of all objects in a bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def settings(self, bucket: str, prefix: str = "library") -> dict[str, object]:
        """Settings of a library whose files are in the bucket."""
        return {
            "blob_store": f"s3://{bucket}/{prefix}",
            "blob_store_endpoint": self.url,
            "aws_access_key_id": KEY_ID,
            "aws_secret_access_key": SECRET,
            "aws_default_region": "us-east-1",
        }

    def store(self, folder: Path, bucket: str, *, prefix: str = "library", cache_bytes: int = 10**9) -> BlobStore:
        """A store in the bucket whose temporary files are in the folder."""
        places = BlobPlaces(
            folder / "uploads",
            folder / "faces",
            folder / "exports",
            folder / "temp",
            address=f"s3://{bucket}/{prefix}",
            endpoint=self.url,
            key_id=KEY_ID,
            secret=SECRET,
            region="us-east-1",
            cache_bytes=cache_bytes,
        )
        return open_store(places)


@pytest.fixture(scope="session")
def s3() -> Iterator[Service]:
    """A running S3 service without any bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Service(f"http://{host}:{port}")
    server.stop()


@pytest.fixture(scope="session")
def locked_s3() -> Iterator[Service]:
    """A running S3 service that knows no key, in a process of its own: moto's switch for this is one for all its servers."""
    program = "import moto.server; moto.server.main(['-H', '127.0.0.1', '-p', '0'])"
    environ = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "0"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = itertools.takewhile(lambda line: "Press" not in line, process.stderr)
    address = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines))
    assert address, "moto's server did not start"
    yield Service(address.group())
    process.kill()
    process.wait(30)
    process.stderr.close()
