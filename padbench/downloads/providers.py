"""What Google Drive and the Hugging Face Hub do differently from a plain file server.

Their own clients read their pages and headers; the bytes go through `padbench.downloads.transfer`, because gdown cannot
go on with a partial file that is already whole, and huggingface_hub (2.4) deletes a partial file when it is stopped.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from padbench.errors import UserError

_DRIVE = ("drive.google.com", "docs.google.com", "drive.usercontent.google.com")
_CLIENTS = ("httpx", "httpx2")
_HUB = re.compile(
    r"https://huggingface\.co/(?:(?P<kind>datasets|spaces)/)?(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/"
    r"(?P<path>[^?#]+)"
)


@dataclass(frozen=True)
class Facts:
    """What the publisher says of a file before it is fetched: bytes and sha256, where it does."""

    size: int | None = None
    sha256: str | None = None


def is_drive(url: str) -> bool:
    """Whether the URL is one of Google Drive."""
    return urlsplit(url).hostname in _DRIVE


def file_url(url: str) -> str:
    """The URL to ask for the bytes of what a table's URL names; the Hub's host is `$HF_ENDPOINT` where that is set."""
    if is_drive(url):
        from gdown.parse_url import parse_url

        identifier, _ = parse_url(url)
        return f"https://drive.google.com/uc?id={identifier}" if identifier else url
    if match := _HUB.fullmatch(url):
        from huggingface_hub import hf_hub_url

        kind = match["kind"].removesuffix("s") if match["kind"] else None
        place = {"repo_id": match["repository"], "filename": match["path"], "revision": match["revision"]}
        return hf_hub_url(**place, repo_type=kind, endpoint=os.environ.get("HF_ENDPOINT"))
    return url


class NoFacts(Exception):
    """The Hub did not say; status: its HTTP status, None where it did not answer."""

    def __init__(self, reason: str, status: int | None) -> None:
        super().__init__(reason)
        self.status = status


def publisher_facts(url: str, timeout: float) -> Facts:
    """Ask the Hub for size and sha256 of the file; nothing is known of other URLs. Raises NoFacts."""
    if not _HUB.fullmatch(url):
        return Facts()
    from huggingface_hub import get_hf_file_metadata

    try:
        metadata = get_hf_file_metadata(file_url(url), timeout=timeout)
    except Exception as error:
        if not _of_the_network(error):
            raise
        status = getattr(getattr(error, "response", None), "status_code", None)
        reason = f"HTTP {status}" if status else f"no connection: {type(error).__name__}"
        raise NoFacts(reason, status) from error
    # Of files in LFS the entity tag is the sha256, of small ones a git hash.
    sha256 = metadata.etag if metadata.etag and re.fullmatch(r"[0-9a-f]{64}", metadata.etag) else None
    return Facts(metadata.size, sha256)


def announced_facts(url: str, timeout: float) -> Facts:
    """What can be known of a file without fetching it: `publisher_facts`, else the length that its server announces.

    Raises NoFacts.
    """
    import requests

    if _HUB.fullmatch(url) or is_drive(url):
        return publisher_facts(url, timeout)
    try:
        headers = {"Accept-Encoding": "identity"}
        response = requests.head(url, headers=headers, timeout=timeout, allow_redirects=True)
    except requests.RequestException as error:
        raise NoFacts(f"no connection: {type(error).__name__}", None) from error
    if not response.ok:
        raise NoFacts(f"HTTP {response.status_code}", response.status_code)
    length = response.headers.get("Content-Length", "")
    return Facts(int(length) if length.isdecimal() else None)


def _of_the_network(error: Exception) -> bool:
    """The Hub's errors and the operating system's are OSErrors; its HTTP client is another in some releases."""
    return isinstance(error, OSError) or any(kind.__module__.split(".")[0] in _CLIENTS for kind in type(error).__mro__)


def behind_drive_page(page: str, url: str, target: str) -> str:
    """The URL of the file that a page of Google Drive asks to confirm.

    Raises UserError for a page that says why there is no file, such as too many downloads.
    """
    from gdown.download import get_url_from_gdrive_confirmation
    from gdown.exceptions import FileURLRetrievalError

    try:
        return str(get_url_from_gdrive_confirmation(page))
    except FileURLRetrievalError as error:
        reason = re.sub(r"<[^>]*>", "", str(error)).strip().split(". ")[0].rstrip(".")
        raise UserError(
            f"Google Drive sends a web page instead of the file {url} ({reason}): too many people may have fetched it "
            f"today; try again tomorrow, or save it with a browser as {target} and run the same command again"
        ) from error
