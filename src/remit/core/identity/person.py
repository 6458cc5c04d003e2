"""People by their names: spellings that are one name are one person, whatever credential says it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from unicodedata import normalize

from remit.core.errors import InvalidInput
from remit.core.rendering import is_unseen
from remit.core.values import SYSTEM, check_text


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


def check_person(field: str, name: str) -> None:
    """Raises `InvalidInput` for what names nobody, and for the name of Remit itself."""
    check_named(field, name)
    check_not_system(field, name)


def check_named(field: str, name: str) -> None:
    """Raises `InvalidInput` for what names nobody. Whoever had a name before it was reserved has it still."""
    if not name or (isinstance(name, str) and not name.strip()):
        raise InvalidInput(field, "does not name a person", "send a name of at most 128 characters")
    check_text(field, name, most=128)


def check_not_system(field: str, name: str) -> None:
    """Raises `InvalidInput` for any spelling of the name under which the history tells what Remit did by itself."""
    if same_person(name, SYSTEM):
        problem = f"{name!r} is what Remit itself is called in the history, and nobody could tell who acted"
        raise InvalidInput(field, problem, "use another name; a key that is called so is made anew under another one")
