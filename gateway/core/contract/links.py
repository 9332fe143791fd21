"""Images that a provider returns as links: which of them may be fetched, and from where."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from gateway.core.contract.address import loopback, public

REDIRECTS_MAX = 3
URL_CHARS_MAX = 8_192
_HOST_CHARS_SHOWN = 80


class Deliver(StrEnum):
    """What a caller gets of an image that comes as a link: the link, or the image that the gateway has fetched."""

    URL = "url"
    B64 = "b64"


@dataclass(frozen=True, slots=True)
class LinkRules:
    """``hosts`` are names, or ``*.name`` for all below one. Of an image at most ``image_bytes_max`` within ``image_s_max``.

    ``loopback`` lets links lead to this machine, without TLS: for drills and tests.
    """

    deliver: Deliver = Deliver.URL
    hosts: frozenset[str] = frozenset()
    image_bytes_max: int = 50 * 1024 * 1024
    image_s_max: float = 60.0
    loopback: bool = False


PASSED_ON = LinkRules()


class LinkRefused(Exception):
    """A link is not followed. The text says why, without the link: it may be as good as a key."""


def checked(url: str, rules: LinkRules) -> str:
    """The URL, where it may be fetched as far as its text shows; raises ``LinkRefused``. The address is checked on connecting."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise LinkRefused("the link is no URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise LinkRefused("the link is no URL") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.username is not None or parts.password is not None:
        raise LinkRefused("the link holds a user name or a password")
    if rules.loopback and loopback(host) and parts.scheme in ("http", "https"):
        return url
    if parts.scheme != "https":
        raise LinkRefused("the link is not https")
    if port not in (None, 443):
        raise LinkRefused("the link names a port")
    if not _allowed(host, rules.hosts):
        raise LinkRefused(f"the link leads to {_shown(host)}, which is not among the route's links.hosts")
    return url


def redirected(url: str, location: str, rules: LinkRules) -> str:
    """Where a redirect leads, checked like a link; raises ``LinkRefused``."""
    try:
        return checked(urljoin(url, location), rules)
    except ValueError:
        raise LinkRefused("the redirect of the link is no URL") from None


def connectable(address: str, rules: LinkRules) -> bool:
    """Whether an image may be fetched from this address: a public one that is what it looks like."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if rules.loopback and found.is_loopback:
        return True
    return public(found)


def linked_items(items: Iterable[object]) -> bool:
    """Whether each of an answer's items is a link and no image."""
    found = [item for item in items if isinstance(item, dict)]
    return bool(found) and all(isinstance(it.get("url"), str) and not it.get("b64_json") for it in found)


def _allowed(host: str, hosts: frozenset[str]) -> bool:
    if host in hosts:
        return True
    above = host.split(".")[1:]
    return any(f"*.{'.'.join(above[at:])}" in hosts for at in range(len(above)))


def _shown(host: str) -> str:
    return f"'{host[:_HOST_CHARS_SHOWN]}'"
