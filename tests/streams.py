"""Makes streams in pieces out of a film, the ways that sites serve them: HLS in TS or MP4, sealed or open, and DASH."""

from __future__ import annotations

import os
from pathlib import Path

import av
from Cryptodome.Cipher import AES
from Cryptodome.Util.Padding import pad

from tests.website import Website

KINDS = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".key": "application/octet-stream",
}


def make_hls(folder: Path, film: Path, *, fmp4: bool = False, sealed: bool = False) -> Path:
    """Cuts a film into pieces of a second; returns the playlist."""
    folder.mkdir()
    options = {
        "hls_time": "1",
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4" if fmp4 else "mpegts",
        "hls_fmp4_init_filename": "init.mp4",
        "hls_segment_filename": str(folder / ("%d.m4s" if fmp4 else "%d.ts")),
    }
    playlist = folder / "list.m3u8"
    _remux(film, playlist, "hls", options)
    if sealed:
        _seal(folder, playlist)
    return playlist


def make_dash(folder: Path, film: Path) -> Path:
    """The same as DASH, pictures and sound apart; returns the manifest."""
    folder.mkdir()
    manifest = folder / "list.mpd"
    _remux(film, manifest, "dash", {"seg_duration": "1", "adaptation_sets": "id=0,streams=v id=1,streams=a"})
    return manifest


def serve_folder(site: Website, folder: Path, path: str) -> None:
    """Serves all files of a folder under a path."""
    for file in folder.iterdir():
        site.serve(f"{path}/{file.name}", file.read_bytes(), KINDS[file.suffix])


def _remux(film: Path, target: Path, kind: str, options: dict[str, str]) -> None:
    with av.open(str(film)) as source, av.open(str(target), "w", format=kind, options=options) as sink:
        streams = {stream.index: sink.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                sink.mux(packet)


def _seal(folder: Path, playlist: Path) -> None:
    """AES-128, with the number of the piece as its initial vector (RFC 8216, 5.2)."""
    key = os.urandom(16)
    (folder / "list.key").write_bytes(key)
    for number, piece in enumerate(sorted(folder.glob("*.ts"), key=lambda file: int(file.stem))):
        cipher = AES.new(key, AES.MODE_CBC, iv=number.to_bytes(16, "big"))
        piece.write_bytes(cipher.encrypt(pad(piece.read_bytes(), 16)))
    text = playlist.read_text().replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="list.key"\n#EXTINF', 1)
    playlist.write_text(text)
