"""Debian's archive is found in the host's own sources, or asked for."""

import pytest

from infra.local.debian import find_mirror

HOST = "http://mirror.example"


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        ([f"{HOST}/debian-security/", f"{HOST}/debian/"], f"{HOST}/debian/"),
        (["https://a.example/debian", "https://b.example/debian"], "https://a.example/debian"),
        ([f"{HOST}/ubuntu/"], None),
        ([], None),
    ],
    ids=["security is not the archive", "the first of two", "another distribution", "no sources"],
)
def test_the_mirror_is_the_main_archive_of_the_host(addresses: list[str], found: str | None) -> None:
    assert find_mirror(addresses) == found
