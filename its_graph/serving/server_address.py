"""What a user says of a server, read before anything is asked of it: its address, and the key that it wants."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from its_graph.errors import ConfigurationError

__all__ = ["KEY_VARIABLES", "resolve_api_key", "validate_server_urls"]

KEY_VARIABLES = ("ITS_GRAPH_SERVER_KEY", "OPENAI_API_KEY")
"""Variables of the environment that may hold the key; the first that is set counts.

Not the variable that `its-graph serve` and `its-graph api` read: that is the key they ask of their callers, and an API
in front of a server must not send it on.
"""


def resolve_api_key(given: str | None) -> str | None:
    """Return the key to send: the one given, else the environment's (`KEY_VARIABLES`), else none."""
    return given or next(filter(None, map(os.environ.get, KEY_VARIABLES)), None)


def validate_server_urls(given: str | Sequence[str]) -> list[str]:
    """Return one base URL or several as a list.

    Raises:
        ConfigurationError: one is no address that HTTP can ask, or there is none at all.
    """
    urls = [given] if isinstance(given, str) else list(given)
    if not urls:
        raise ConfigurationError("No server was given; expected at least one base URL.")
    for url in urls:
        if not _is_address(url):
            raise ConfigurationError(
                f"{url!r} is no address of a server. Expected http:// or https:// with a host, and its port where it "
                "has one, such as http://127.0.0.1:8000/v1."
            )
    return urls


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and bool(host) and b" " not in host and parts.port != 0
    except ValueError:  # brackets or a port that are none, a host that no name server could be asked for
        return False
