from __future__ import annotations

import pytest

from app.storage.blobs import browser_origin


@pytest.mark.parametrize(
    ("address", "endpoint", "origin"),
    [
        (None, None, None),
        ("file:///library", None, None),
        ("s3://bucket", None, "https://*.amazonaws.com"),
        ("s3://bucket", "https://account.r2.cloudflarestorage.com", "https://account.r2.cloudflarestorage.com"),
        ("s3://bucket", "https://S3.example.com:9000/", "https://s3.example.com:9000"),
        ("s3://bucket", "http://minio:9000", None),
        ("s3://bucket", "https://minio:9000", None),
        ("s3://bucket", "http://s3.example.com", None),
        ("s3://bucket", "https://10.0.0.3", None),
        ("s3://bucket", "https://[::1]:9000", None),
        ("s3://bucket", "https://s3.home.arpa", None),
    ],
)
def test_where_browsers_may_be_sent(address: str | None, endpoint: str | None, origin: str | None) -> None:
    assert browser_origin(address, endpoint) == origin
