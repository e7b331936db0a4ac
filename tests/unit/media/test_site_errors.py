"""What yt-dlp says, in plain words. The messages are those of real extractors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from app.media.addresses import Guard
from app.media.site_errors import translate
from app.media.site_network import Budget, GuardedYoutubeDL


class _Silent:
    """A log that nobody reads."""

    def debug(self, _message: str) -> None:
        pass

    info = warning = error = debug


def wrapped(cause: Exception) -> DownloadError:
    """An error the way yt-dlp's main class hands it over."""
    return DownloadError(f"ERROR: {cause}", (type(cause), cause, None))


@pytest.mark.parametrize(
    ("error", "words", "retryable"),
    [
        (ExtractorError("Private video. Sign in if you've been granted access", expected=True), "is private", False),
        (ExtractorError("This video is private"), "is private", False),
        (ExtractorError("This video has been removed by the uploader", expected=True), "removed", False),
        (ExtractorError("Video unavailable", expected=True), "removed", False),
        (ExtractorError("This account has been terminated. The video is no longer available"), "login|removed", False),
        (GeoRestrictedError("not here", countries=["FR"]), "country", False),
        (ExtractorError("This video is not available in your country"), "country", False),
        (ExtractorError("Sign in to confirm your age. This video may be inappropriate", expected=True), "login", False),
        (ExtractorError("This video is only available for registered users"), "login", False),
        (ExtractorError("Join this channel to get access to members-only content"), "private", False),
        (UnsupportedError("http://example.org/"), "No video", False),
        (ExtractorError("Requested format is not available"), "No video", False),
        (ExtractorError("No video formats found!"), "No video", False),
        (ExtractorError("This video is DRM protected"), "copy-protected", False),
        (ExtractorError("This live event will begin in 3 hours"), "not over", False),
        (TransportError("The read operation timed out"), "in time", True),
        (TransportError("Connection reset by peer"), "broke off", True),
        (ExtractorError("Unable to extract title"), "did not hand out", False),
        # as YouTube's extractor words it
        (ExtractorError("Sign in to confirm you\u2019re not a bot. Use --cookies for the login"), "doubts", True),
        (ExtractorError("The uploader has not made this video available in your country"), "country", False),
        (ExtractorError("Video unavailable. Somebody, who has blocked it on copyright grounds"), "removed", False),
        (ExtractorError("This video is available to this channel's members on level: Fan"), "private", False),
        (ExtractorError("This video requires payment to watch"), "payment", False),
        (ExtractorError("Premieres in 5 hours"), "not over", False),
        (ExtractorError("This live stream recording is not available."), "removed", False),
        (ExtractorError("This video has been removed for violating the rules on hate speech"), "removed", False),
        (ExtractorError("Join this channel to get access to members-only content like this video"), "private", False),
        # as Vimeo's does
        (ExtractorError("This video is protected by a password, use the --video-password option"), "login", False),
        (ExtractorError("Because of its privacy settings, this video cannot be played here."), "private", False),
        (ExtractorError("The web client only works when logged-in. Use --cookies"), "login", False),
        # of the network and of this machine
        (DownloadError("unable to write data: [Errno 28] No space left on device"), "no room left", True),
        (TransportError("Failed to resolve 'x' ([Errno -3] Temporary failure in name resolution)"), "broke off", True),
        (ExtractorError("HTTP Error 429: Too Many Requests"), "too often", True),
        (ExtractorError("The current format of this page is different"), "did not hand out", False),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, Exception) else "",
)
def test_errors_are_told_in_plain_words(error: Exception, words: str, retryable: bool) -> None:
    for one in (error, wrapped(error)):
        told = translate(one)
        assert re.search(words, told.message)
        assert told.retryable is retryable
        assert told.message.endswith(".")
        assert "http" not in told.message
        assert "yt-dlp" not in told.message


def test_the_time_being_up_comes_first() -> None:
    told = translate(wrapped(TransportError("0 bytes read")), timed_out=True)
    assert told.retryable
    assert "in time" in told.message


def test_errors_that_point_at_each_other_do_not_hang() -> None:
    first, second = ExtractorError("a"), ExtractorError("b")
    first.cause, second.cause = second, first
    assert translate(first).message


SITES = {
    "Youtube": "https://www.youtube.com/watch?v=BaW_jenozKc",
    "Vimeo": "https://vimeo.com/76979871",
    "Dailymotion": "https://www.dailymotion.com/video/x5kesuj",
    "TikTok": "https://www.tiktok.com/@leenabhushan/video/6748451240264420610",
    "Generic": "https://example.org/x",
}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    ("fail", "words"),
    [
        pytest.param(lambda ie: ie.raise_login_required(), "login", id="login"),
        pytest.param(lambda ie: ie.raise_login_required("Sign in to confirm your age"), "login", id="age"),
        pytest.param(lambda ie: ie.raise_geo_restricted(countries=["FR"]), "country", id="country"),
        pytest.param(lambda ie: ie.report_drm("x"), "copy-protected", id="drm"),
        pytest.param(lambda ie: ie.raise_no_formats("No video formats found", expected=True), "No video", id="formats"),
        pytest.param(lambda ie: ie.raise_no_formats("Video unavailable", expected=True), "removed", id="removed"),
        pytest.param(lambda ie: ie.raise_no_formats("Private video", expected=True), "private", id="private"),
        pytest.param(lambda ie: ie._search_regex("a", "b", "title"), "did not hand out", id="changed"),
    ],
)
def test_what_extractors_raise_by_themselves(site: str, fail: Callable[[Any], object], words: str) -> None:
    """Through yt-dlp's own machinery, from the extractor's method to the error that its main class raises."""
    with Guard() as guard, GuardedYoutubeDL({"quiet": True, "logger": _Silent()}, guard, Budget(1)) as downloader:
        extractor = downloader.get_info_extractor(site)
        extractor._real_extract = lambda _url: fail(extractor)
        with pytest.raises(DownloadError) as caught:
            downloader.extract_info(SITES[site], download=False, ie_key=site)
    told = translate(caught.value)
    assert words in told.message
    assert not told.retryable
