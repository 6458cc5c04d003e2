"""Places that many want and a process has only so many of, in shares, so that nobody takes all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

from remit.core.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Share:
    """The numbers of places in all, for one tenant, and for one credential."""

    most: int
    most_of_tenant: int
    most_of_credential: int


@dataclass(slots=True, eq=False)
class Place:
    """One taken place. `give_up` is called if it has to make room for a tenant that holds less."""

    tenant_id: str
    credential: Hashable
    give_up: Callable[[], None] = field(repr=False)


class OverShare(Exception):
    """Its tenant or credential holds its share already; the text says which."""


class Full(Exception):
    """All places are taken, and nobody holds more than the one who asks."""


class SharedPlaces:
    """Places, and who holds them. To be used from one event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._taken: list[Place] = []
        self._of: Counter[Hashable] = Counter()

    def take(self, principal: Principal, give_up: Callable[[], None]) -> Place:
        """
        Raises `OverShare` and `Full`. Where all are taken, the tenant that holds the most gives up its oldest for
        one that would then still hold fewer.
        """
        place = Place(principal.tenant_id, (principal.tenant_id, principal.name), give_up)
        self._check_share(place)
        if len(self._taken) >= self._share.most:
            self._make_room(place)
        self._taken.append(place)
        self._of.update((place.tenant_id, place.credential))
        return place

    def give_back(self, place: Place) -> None:
        """Nothing if it was given up before."""
        if place in self._taken:
            self._taken.remove(place)
            self._of.subtract((place.tenant_id, place.credential))
            # Counts of nobody would stay for good.
            self._of += Counter()

    def _check_share(self, place: Place) -> None:
        for holder, most, whose in (
            (place.credential, self._share.most_of_credential, "this credential"),
            (place.tenant_id, self._share.most_of_tenant, "this tenant"),
        ):
            if self._of[holder] >= most:
                raise OverShare(f"{whose} holds {most} of them already")

    def _make_room(self, place: Place) -> None:
        richest = max({taken.tenant_id for taken in self._taken}, key=lambda name: self._of[name], default=None)
        if richest is None or self._of[richest] <= self._of[place.tenant_id] + 1:
            raise Full
        oldest = next(taken for taken in self._taken if taken.tenant_id == richest)
        self.give_back(oldest)
        oldest.give_up()


def admitted(
    places: SharedPlaces, principal: Principal, give_up: Callable[[], None], *, of: str, instead: str
) -> Place:
    """
    A place of these, for a door.

    Raises 429 for whoever holds a share already and 503 where all are taken, with `Retry-After`. `of` says what the
    places are for, and `instead` what can be done then.
    """
    try:
        return places.take(principal, give_up)
    except OverShare as error:
        told = f"{error} ({of}); {instead}"
        raise HTTPException(429, told, headers={"Retry-After": "10"}) from None
    except Full:
        raise HTTPException(503, f"this process serves as many {of} as it may; try again in a moment") from None
