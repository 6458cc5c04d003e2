"""Messages as Slack lays them out: blocks within its limits, in which nothing that an agent wrote is formatted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.core.rendering import sentence
from remit.ports import OutgoingNotification

MOST_BLOCKS = 50
LONGEST_HEADER = 150
LONGEST_SECTION = 3000
MOST_FIELDS = 10
LONGEST_FIELD = 2000
"""What Slack takes; anything beyond is `invalid_blocks` for all of the message."""
PLAIN_ANSWERS = {"mrkdwn": False, "parse": "none", "link_names": 0, "unfurl_links": False, "unfurl_media": False}

Line = tuple[str, str | None]


def message(letter: OutgoingNotification) -> dict[str, Any]:
    """
    A header, and the lines in as few sections as hold them: https://docs.slack.dev/reference/block-kit

    Lines are `plain_text`: nothing that an agent wrote is formatted, linked, or calls a channel. Ours alone are the
    links beside them.
    """
    subject = sentence(letter.subject)
    lines = [(sentence(text), url) for text, url in letter.lines]
    if len(subject) > LONGEST_HEADER:
        lines.insert(0, (subject, None))
    header = {"type": "header", "text": plain(within(subject, LONGEST_HEADER))}
    return {"text": escaped(subject), **PLAIN_ANSWERS, "blocks": [header, *_blocks(lines)]}


def _blocks(lines: Sequence[Line]) -> list[dict[str, Any]]:
    sections = list(_sections(lines))
    if len(sections) < MOST_BLOCKS:
        return [section for section, _ in sections]
    kept = sections[: MOST_BLOCKS - 2]
    rest = len(lines) - sum(count for _, count in kept)
    return [*(section for section, _ in kept), {"type": "section", "text": plain(f"and {rest} more")}]


def _sections(lines: Sequence[Line]) -> Iterator[tuple[dict[str, Any], int]]:
    """Each with the number of lines in it."""
    numbered = [(f"{number}. {text}" if len(lines) > 1 else text, url) for number, (text, url) in enumerate(lines, 1)]
    texts: list[str] = []
    links: list[dict[str, Any]] = []
    for number, (text, url) in enumerate(numbered, 1):
        line = within(text, LONGEST_SECTION)
        if texts and (len(links) == MOST_FIELDS or len("\n".join([*texts, line])) > LONGEST_SECTION):
            yield _section(texts, links), len(texts)
            texts, links = [], []
        texts.append(line)
        links += _link(url, f"Look at {number}" if len(lines) > 1 else "Look at it")
    if texts:
        yield _section(texts, links), len(texts)


def _section(texts: Sequence[str], links: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "section", "text": plain("\n".join(texts)), **({"fields": list(links)} if links else {})}


def _link(url: str | None, label: str) -> list[dict[str, Any]]:
    text = f"<{escaped(url)}|{label}>" if url else ""
    return [{"type": "mrkdwn", "text": text, "verbatim": True}] if 0 < len(text) <= LONGEST_FIELD else []


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def within(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = most - 40
    return f"{text[:kept]}… {len(text) - kept:,} more characters"


def escaped(text: str) -> str:
    """Text for mrkdwn: `&`, `<` and `>` are its control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
