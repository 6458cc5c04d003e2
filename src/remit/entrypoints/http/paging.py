"""Pages: how lists are asked for, and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

from fastapi import Query

from remit.core.values import Identifier
from remit.flow.pages import LARGEST_PAGE

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class Page(TypedDict, Generic[T]):
        """A page of any view, as the view of its list has it."""

        items: list[T]
        next: str | None


AccountQuery = Annotated[Identifier | None, Query(description="only of this account")]
AfterQuery = Annotated[str | None, Query(max_length=512, description="`next` of the page before")]
LimitQuery = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


def page(found: tuple[list[T], str | None]) -> Page[T]:
    """`items`, and `next` to go on with if there may be more."""
    items, cursor = found
    return {"items": items, "next": cursor}
