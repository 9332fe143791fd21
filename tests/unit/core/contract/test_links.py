"""Which links may be followed: everything that leads elsewhere than a listed public host is refused, with the reason."""

import pytest

from gateway.core.contract.links import LinkRefused, LinkRules, checked, connectable, linked_items, redirected

RULES = LinkRules(hosts=frozenset({"images.example.com", "*.cdn.example.net"}))
HERE = LinkRules(hosts=RULES.hosts, loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://images.example.com/a.png",
        "https://IMAGES.example.com./a.png?sig=x%2F",
        "https://images.example.com:443/a",
        "https://eu.cdn.example.net/a",
        "https://a.b.cdn.example.net/a",
    ],
)
def test_a_listed_host_is_followed(url: str) -> None:
    """By name or below one, however it is written."""
    assert checked(url, RULES) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://images.example.com/a", "not https"),
        ("ftp://images.example.com/a", "not https"),
        ("file:///etc/passwd", "not https"),
        ("data:image/png;base64,AAAA", "not https"),
        ("/a.png", "not https"),
        ("https://images.example.com:8443/a", "names a port"),
        ("https://images.example.com:99999/a", "no URL"),
        ("https://user@images.example.com/a", "user name"),
        ("https://images.example.com@127.0.0.1/a", "user name"),
        ("https://:secret@images.example.com/a", "user name"),
        ("https://images.example.com\\@127.0.0.1/a", "no URL"),
        ("https://images.example.com /a", "no URL"),
        ("https://images.example.com/\na", "no URL"),
        ("https://images.exämple.com/a", "no URL"),
        ("https://[::1/a", "no URL"),
        ("https://" + "a" * 9_000, "no URL"),
        ("https://127.0.0.1/a", "'127.0.0.1', which is not among"),
        ("https://2130706433/a", "'2130706433', which is not among"),
        ("https://0x7f.1/a", "not among"),
        ("https://[::ffff:127.0.0.1]/a", "not among"),
        ("https://169.254.169.254/latest/meta-data", "not among"),
        ("https://localhost/a", "not among"),
        ("https://cdn.example.net/a", "not among"),
        ("https://evilcdn.example.net/a", "not among"),
        ("https://images.example.com.evil.test/a", "not among"),
        ("https:///a", "not among"),
    ],
)
def test_any_other_link_is_refused(url: str, said: str) -> None:
    """The reason names the rule, and never the link, which may be as good as a key."""
    with pytest.raises(LinkRefused, match=said) as refused:
        checked(url, RULES)
    assert "/a" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::127.0.0.1", "fe80::1%eth0", "168.63.129.16", "", "images", "2130706433", "0x7f.1"]
)
def test_only_public_addresses_are_connected_to(address: str) -> None:
    """Nor to one that stands for another, or is none."""
    assert not connectable(address, RULES)
    assert connectable("93.184.215.14", RULES)


def test_this_machine_is_for_drills_only() -> None:
    """By an explicit switch, which opens nothing else."""
    for url in ("http://127.0.0.1:9101/a", "https://localhost/a", "http://[::1]/a"):
        assert checked(url, HERE) == url
        with pytest.raises(LinkRefused):
            checked(url, RULES)
    with pytest.raises(LinkRefused):
        checked("http://10.0.0.1/a", HERE)
    assert connectable("127.0.0.1", HERE)
    assert not connectable("10.0.0.1", HERE)


def test_a_redirect_is_a_link_of_its_own() -> None:
    """It may be relative; what it leads to is held to the same rules."""
    assert redirected("https://images.example.com/a/b", "../c", RULES) == "https://images.example.com/c"
    for location in ("https://evil.test/c", "//evil.test/c", "http://images.example.com/c"):
        with pytest.raises(LinkRefused):
            redirected("https://images.example.com/a", location, RULES)
    with pytest.raises(LinkRefused, match="redirect of the link is no URL"):
        redirected("https://images.example.com/a", "https://[", RULES)


def test_links_are_told_from_images() -> None:
    """Only where every item is one."""
    link, image = {"url": "https://x"}, {"b64_json": "AAAA"}
    assert linked_items([link, link | {"b64_json": None}])
    for items in ([], [image], [link, image], [link | image], ["x"], [{"url": None}]):
        assert not linked_items(items)
