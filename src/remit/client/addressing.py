"""The place of Remit and the key of a client, looked at before anything is sent."""

from __future__ import annotations

from typing import Any

import httpx

from remit.core.errors import InvalidInput


def checked_url(url: str) -> str:
    """The server's address. Raises `InvalidInput` where no request could go there."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidInput("url", f"is no URL: {error}", _AS_URL) from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidInput("url", "is not an http or https URL with a host", _AS_URL)
    return url


def checked_key(key: str) -> str:
    """
    The key without the blanks around it, which come with it from a file. Raises `InvalidInput`, without saying the key,
    where it cannot stand in a header.
    """
    key = key.strip()
    if not key:
        raise InvalidInput("key", "is empty", "give an API key or an access token")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidInput("key", "has a character that no key has", "give it as it was shown, on one line")
    return key


def options(url: str, key: str, timeout_s: float) -> dict[str, Any]:
    """The settings of httpx's client."""
    # A redirect would carry the key to wherever it leads.
    headers = {"Authorization": f"Bearer {checked_key(key)}"}
    return {"base_url": checked_url(url), "headers": headers, "timeout": timeout_s, "follow_redirects": False}


_AS_URL = "write it with its scheme, such as http://127.0.0.1:8000"
