"""The address and API key of a server, checked before the first request."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from its_graph.errors import ConfigurationError

__all__ = ["KEY_VARIABLES", "resolve_api_key", "validate_server_urls"]

KEY_VARIABLES = ("ITS_GRAPH_SERVER_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; the first one that is set is used.

Not the variable that `its-graph serve` and `its-graph api` read: that is the key they require of their callers, and an
API in front of a server must not forward it.
"""


def resolve_api_key(api_key: str | None) -> str | None:
    """Return the key to send: `api_key`, or else the environment's (`KEY_VARIABLES`), or else None."""
    return api_key or next(filter(None, map(os.environ.get, KEY_VARIABLES)), None)


def validate_server_urls(base_url: str | Sequence[str]) -> list[str]:
    """Return one base URL or several as a list.

    Raises:
        ConfigurationError: There is no URL, or one is not a valid HTTP URL.
    """
    urls = [base_url] if isinstance(base_url, str) else list(base_url)
    if not urls:
        raise ConfigurationError("base_url must have at least one URL; got none. Use http://127.0.0.1:8000/v1.")
    for url in urls:
        if not _is_http_url(url):
            raise ConfigurationError(
                f"{url!r} is not a server URL. Use http:// or https:// with a host and, if needed, a port: "
                "http://127.0.0.1:8000/v1."
            )
    return urls


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and bool(host) and b" " not in host and parts.port != 0
    except ValueError:  # invalid brackets or port, or a host that cannot be a domain name
        return False
