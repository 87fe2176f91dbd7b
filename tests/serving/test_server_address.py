"""Invalid URLs are rejected; the key comes from the environment, first from the library's own variable."""

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
def test_a_valid_url_is_unchanged(url: str) -> None:
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
def test_an_invalid_url_is_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate_server_urls(["http://127.0.0.1:8000/v1", url])
    assert str(caught.value).startswith(f"{url!r} is not a server URL. Use http://")


def test_at_least_one_url_is_required() -> None:
    with pytest.raises(ConfigurationError, match="must have at least one URL"):
        validate_server_urls([])


@pytest.mark.parametrize(
    ("api_key", "own", "general", "expected"),
    [
        ("argument", "own", "general", "argument"),
        (None, "own", "general", "own"),
        (None, "", "general", "general"),
        (None, None, "general", "general"),
        (None, None, None, None),
    ],
)
def test_which_key_is_sent(
    monkeypatch: pytest.MonkeyPatch, api_key: str | None, own: str | None, general: str | None, expected: str | None
) -> None:
    for name, value in zip(KEY_VARIABLES, (own, general), strict=True):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert resolve_api_key(api_key) == expected


def test_the_key_required_of_callers_is_not_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ITS_GRAPH_API_KEY", "of the callers")
    assert resolve_api_key(None) is None
