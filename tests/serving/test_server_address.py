"""What is no address is told at once; the key of the environment is found, the library's own variable first."""

import pytest

from its_graph.errors import ConfigurationError
from its_graph.serving.server_address import KEY_VARIABLES, resolve_api_key, validate_server_urls


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "HTTPS://api.example.com/v1/",
        "http://[::1]:8000/v1",
        "http://user:word@host",
        "http://gpu_box:30000",
    ],
)
def test_an_address_is_left_as_it_is(url: str) -> None:
    assert validate_server_urls(url) == [url]
    assert validate_server_urls((url, url)) == [url, url]


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "localhost:8000/v1", "127.0.0.1:8000", "//host/v1", "ftp://host/v1", "file:///v1"),
        *("http://", "http:///v1", "http://:8000/v1", "http:/127.0.0.1:8000", "http://a b/v1", "http://a..b/v1"),
        *("http://host:99999/v1", "http://host:port/v1", "http://[::1/v1"),
    ],
)
def test_what_is_no_address_is_quoted_beside_one_that_is(url: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        validate_server_urls(["http://127.0.0.1:8000/v1", url])
    assert str(told.value).startswith(f"{url!r} is not a server URL. Use http://")


def test_at_least_one_address_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="must have at least one URL"):
        validate_server_urls([])


@pytest.mark.parametrize(
    ("given", "own", "general", "expected"),
    [
        ("given", "own", "general", "given"),
        (None, "own", "general", "own"),
        (None, "", "general", "general"),
        (None, None, "general", "general"),
        (None, None, None, None),
    ],
)
def test_which_key_is_sent(
    monkeypatch: pytest.MonkeyPatch, given: str | None, own: str | None, general: str | None, expected: str | None
) -> None:
    for name, value in zip(KEY_VARIABLES, (own, general), strict=True):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert resolve_api_key(given) == expected


def test_the_key_that_callers_must_know_is_not_sent_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ITS_GRAPH_API_KEY", "of the callers")
    assert resolve_api_key(None) is None
