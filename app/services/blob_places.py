"""Where the settings say that videos, pictures and exports are kept."""

from __future__ import annotations

from app.config import Settings
from app.storage.blobs import BlobPlaces


def blob_places(settings: Settings) -> BlobPlaces:
    """Where the settings say that videos, pictures and exports are kept."""
    return BlobPlaces(
        uploads=settings.upload_folder,
        faces=settings.faces_folder,
        exports=settings.faaaaaces_data / "data" / "exports",
        temp=settings.temp_folder,
        address=settings.blob_store,
        endpoint=settings.blob_store_endpoint,
        key_id=settings.aws_access_key_id,
        secret=settings.aws_secret_access_key,
        token=settings.aws_session_token,
        region=settings.aws_default_region,
        cache_bytes=settings.blob_cache_mb * 1_000_000,
    )
