"""People by their names: spellings that are one name are one person, whatever credential says it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from unicodedata import normalize

from remit.core.rendering import is_unseen


@lru_cache(maxsize=4096)
def person_of(name: str) -> str:
    """
    The one form of all spellings of a name, to compare; nobody is shown it.

    Case is folded and compositions are one (Unicode's compatibility caseless match, D146, in NFC), so that `bob`, `Bob`
    and `ｂｏｂ` are one person, as is é in one character or in two. Blanks count between words alone, and as one;
    what cannot be seen counts as nothing. Letters of two scripts stay two, also where they look alike.
    """
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", name).casefold()).casefold())
    seen = "".join(char for char in folded if not is_unseen(char))
    return normalize("NFC", " ".join(seen.split()))


def same_person(one: str | None, other: str | None) -> bool:
    """Nobody is the same as no other."""
    return one is not None and other is not None and person_of(one) == person_of(other)


def is_among(name: str | None, others: Iterable[str | None]) -> bool:
    return any(same_person(name, other) for other in others)
