"""Files that try to reach other files or the network."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest

from app.errors import MediaError
from app.media.containers import open_video
from app.media.probe import probe
from tests.videos import make_video
from tests.website import Website

PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
    "hls with a key": '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n',
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "session description": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "reference movie": "rtsptextRTSP://{target}",
    "smil": "<smil><body><video src='{target}'/></body></smil>",
    "svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='{target}'/></svg>",
}


@pytest.mark.parametrize("suffix", ["m3u8", "avi", "mp4", "mkv", "ts", "txt", "mpd", "ffconcat"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_opens_nothing(tmp_path: Path, kind: str, suffix: str) -> None:
    with Website() as site:
        site.serve("/seg.ts", make_video(tmp_path / "real.ts", frames=5).read_bytes(), "video/mp2t")
        for target in (site.url("/seg.ts"), str(tmp_path / "real.ts"), f"file://{tmp_path}/real.ts", "real.ts"):
            path = tmp_path / f"evil.{suffix}"
            path.write_text(PLAYLISTS[kind].format(target=target))
            with pytest.raises(MediaError):
                probe(path)
        assert site.requests == []


def test_a_quicktime_file_that_refers_to_another_does_not_open_it(tmp_path: Path) -> None:
    """A data reference of kind "url " names where the pictures lie; FFmpeg must not follow it."""
    with Website() as site:
        path = tmp_path / "a.mov"
        data = make_video(tmp_path / "w.mov", frames=5).read_bytes()
        reference = b"url \x00\x00\x00\x01"  # flag 1: the data lies in this very file
        assert data.count(reference) == 1
        address = site.url("/x.mp4").encode() + b"\x00"
        outside = b"url \x00\x00\x00\x00" + address
        patched = data.replace(reference, outside)
        for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
            position = patched.index(box) - 4
            (length,) = struct.unpack(">I", patched[position : position + 4])
            patched = patched[:position] + struct.pack(">I", length + len(address)) + patched[position + 4 :]
        position = patched.index(outside) - 4
        patched = patched[:position] + struct.pack(">I", 12 + len(address)) + patched[position + 4 :]
        path.write_bytes(patched)
        with contextlib.suppress(MediaError):
            probe(path)
        assert site.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "http:x.mp4",
        "concat:a.mp4|b.mp4",
        "pipe:0",
        "frame%03d.mp4",
        "subfile,,start,0,end,0,,:x.mp4",
        "-.mp4",
        "ü ñ 漢.mp4",
    ],
)
def test_a_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    make_video(tmp_path / "a.mp4", frames=3).rename(path)
    assert probe(path).width == 192


def test_a_link_to_a_video_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(make_video(tmp_path / "a.mp4", frames=3))
    assert probe(tmp_path / "link.mp4").width == 192


def test_pictures_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj420p", frames=3)
    data = path.read_bytes()
    start_of_frame = b"\xff\xc0\x00\x11\x08"  # then height and width
    assert data.count(start_of_frame) == 3
    size = struct.pack(">HH", 112, 192)
    path.write_bytes(data.replace(start_of_frame + size, start_of_frame + struct.pack(">HH", 60_000, 60_000)))
    with pytest.raises(MediaError):
        probe(path)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=16000)
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame(64, 64, "yuvj420p")
        for packet in [*cover.encode(frame), *cover.encode(None)]:
            output.mux(packet)
        output.mux(sound.encode(None))
    with pytest.raises(MediaError, match=r"only sound|not one picture"), open_video(path):
        pass
