"""A served console, and a real browser to look at it with."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    TimeoutError,
    expect,
    sync_playwright,
)

from remit.core.identity.principal import Principal
from tests.entrypoints.http_world import ACME, Silent, World, http_world
from tests.waiting import PATIENCE_S

expect.set_options(timeout=PATIENCE_S * 1000)

ROOT = Path(__file__).parents[2]
AXE = ROOT / "requirements" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
# Without these a browser asks its maker's servers for things at every start.
ARGUMENTS = [
    f"--{name}"
    for name in (
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
    )
]
ROLES = frozenset({"approver", "operator", "admin", "auditor"})


def missing(what: str, way_out: str) -> None:
    """A named skip on somebody's machine, an error in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing; {way_out}")
    pytest.skip(f"{what} is missing; {way_out}")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with http_world(tmp_path, connectors={"silent": Silent()}) as opened:
        yield opened


class KeptContexts:
    """
    A browser's contexts, kept for whoever looks next with such a window: to make one, with the first page in it, takes
    longer than most tests. Each looks in pages of their own, without anybody's cookies; what a page stores is its
    origin's, and each world has another port.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[tuple[int, Any], list[BrowserContext]] = {}

    @contextmanager
    def lent(self, width: int, scheme: Any) -> Iterator[BrowserContext]:
        """A context with that width of its window and that colour scheme, in Tokyo."""
        free = self._free.setdefault((width, scheme), [])
        context = free.pop() if free else self._made(width, scheme)
        kept, *_ = context.pages
        try:
            yield context
        finally:
            for page in context.pages:
                if page is not kept:
                    page.close()
            context.clear_cookies()
            free.append(context)

    def _made(self, width: int, scheme: Any) -> BrowserContext:
        context = self._browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, timezone_id="Asia/Tokyo", locale="en-GB"
        )
        # The process that draws its pages lives as long as one of them.
        context.new_page()
        return context


@pytest.fixture(scope="module")
def browser() -> Iterator[KeptContexts]:
    """
    Debian's Chromium if it is there, else the one that Playwright brought.

    No longer than its module: its driver keeps an event loop in the thread that runs the tests.
    """
    path = os.environ.get("REMIT_TEST_CHROMIUM") or shutil.which("chromium")
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=arguments, timeout=PATIENCE_S * 1000)
        except TimeoutError:
            # It is there.
            raise
        except Error as error:
            missing(f"Chromium ({str(error).splitlines()[0]})", "install it, or 'playwright install chromium'")
        yield KeptContexts(browser)
        browser.close()


class Looker:
    """Somebody at a browser. What the browser complains about fails the test."""

    def __init__(self, context: BrowserContext, world: World) -> None:
        self.context, self.world = context, world
        self.complaints: list[str] = []
        self._provoked: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note_said)
        page.on("request", lambda asked: self._note_elsewhere(asked.url))
        return page

    def _note_said(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _note_elsewhere(self, url: str) -> None:
        if not url.startswith((self.world.url, "data:")):
            self.complaints.append(f"asked {url}")

    def goes(self, path: str) -> Page:
        self.page.goto(f"{self.world.url}{path}")
        return self.page

    def forgets(self, *complaints: str) -> None:
        """What a test provoked on purpose, and has been told."""
        self.complaints[:] = [said for said in self.complaints if not any(part in said for part in complaints)]

    def provokes(self, *complaints: str) -> None:
        """What a test provokes on purpose, and may be told of at any time until it ends."""
        self._provoked += complaints

    @property
    def unprovoked(self) -> list[str]:
        return [said for said in self.complaints if not any(part in said for part in self._provoked)]


@contextmanager
def looker(
    browser: KeptContexts,
    world: World,
    name: str,
    *,
    roles: Any = ROLES,
    tenant: str = ACME,
    width: int = 1200,
    scheme: Any = "light",
    signed_in: bool = True,
) -> Iterator[Looker]:
    """Somebody at a browser of that width and colour scheme, in Tokyo."""
    with browser.lent(width, scheme) as context:
        made = Looker(context, world)
        if signed_in:
            token = world.remit.make_link(Principal(name, tenant, frozenset(roles)), leads_to="/console/")
            made.goes(f"/console/link/{token}")
        yield made
    assert made.unprovoked == []


@pytest.fixture
def look(browser: KeptContexts, world: World) -> Iterator[Callable[..., Looker]]:
    """`look("bob", roles={"auditor"}, signed_in=False)`: see `looker`."""
    with ExitStack() as stack:
        yield lambda name="ann", **how: stack.enter_context(looker(browser, world, name, **how))


@pytest.fixture
def axe() -> str:
    """The accessibility checker's script."""
    if not AXE.exists():
        missing("axe-core", "run './dev test' with npm installed")
    return AXE.read_text(encoding="utf-8")


class Visit:
    """Somebody without a browser: a session's cookie, and the token of its forms."""

    def __init__(self, world: World, roles: Any = ROLES, tenant: str = ACME, name: str = "ann") -> None:
        cookie = world.remit.begin_session(Principal(name, tenant, frozenset(roles)))
        self.csrf = world.remit.session(cookie)[1]
        self.client = httpx.Client(
            base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
        )

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, data: Any = None, **more: Any) -> httpx.Response:
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, **more)


@pytest.fixture
def visit(world: World) -> Iterator[Callable[..., Visit]]:
    """`visit(roles={"auditor"}, tenant="globex")` is signed in."""
    visits: list[Visit] = []

    def visit_(**who: Any) -> Visit:
        visits.append(Visit(world, **who))
        return visits[-1]

    yield visit_
    for each in visits:
        each.client.close()


def text_of(answer: httpx.Response) -> str:
    """A page's text without its tags, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
