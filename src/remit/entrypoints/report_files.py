"""A report as people and programs take it along: a page for paper, and lines for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from remit.core.gate.amount import in_money
from remit.core.notifications.narration import reason_in_words
from remit.core.rendering import name, quoted, sentence

if TYPE_CHECKING:
    from remit.core.views import FindingAnswer
    from remit.core.views.report import (
        PeriodReport,
        ReportedAction,
        ReportedAlone,
        ReportedAnswer,
        ReportedChange,
        ReportedJudgement,
        ReportedLine,
        ReportedPeople,
        ReportedResolution,
    )

_STYLE = Markup("""
body { font: 11pt/1.45 system-ui, sans-serif; color: #1c1f23; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; } tr { break-inside: avoid; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #d9dbd7; }
td { overflow-wrap: anywhere; }
thead { display: table-header-group; } thead th { color: #585e66; } .quiet { color: #585e66; } .bad { color: #b42318; }
@page { margin: 16mm; }
""")
CSV_COLUMNS = (
    *("kind", "at", "action_intent_id", "account_id", "action_type", "title", "amount", "unit", "proposed_by"),
    *("answer", "by", "after_s", "reason", "explanation", "status", "error"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: PeriodReport) -> str:
    """One line an action, an answer and a change, in the order of their times."""
    lines = [
        *({**_flat(line), "kind": "action", "by": line["approved_by"]} for line in report["actions"]),
        *({**_flat(line), "kind": "answer", "reason": line["asked_because"], "explanation": line["why"]}
          for line in report["answers"]),
        *({**_flat(line), "kind": "resolved", "explanation": line["note"]} for line in report["resolved"]),
        *({**_flat(line), "kind": "judged", "answer": _judged(line), "explanation": line["reason"], "reason": None}
          for line in report["judged"]),
        *({**line, "kind": "change", "explanation": line["text"]} for line in report["changes"]),
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for line in sorted(lines, key=lambda line: datetime.fromisoformat(line["at"])):
        writer.writerow([_cell(line.get(column)) for column in CSV_COLUMNS])
    return out.getvalue()


def _flat(line: ReportedLine) -> dict[str, Any]:
    known = [amount for amount in line["amounts"].values() if amount["problem"] is None]
    return {**line, "amount": known[0]["value"] if known else None, "unit": known[0]["unit"] if known else None}


def _cell(value: Any) -> Any:
    """Spell what a spreadsheet would take for a formula, or not show, as text that shows."""
    if not isinstance(value, str):
        return "" if value is None else value
    shown = sentence(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def as_html(report: PeriodReport) -> str:
    """A whole page that needs nothing else."""
    title = f"Report of {report['tenant_id']}"
    begin = Markup(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{}</title><style>{}</style></head><body>'
    )
    return begin.format(title, _STYLE) + body(report) + Markup("</body></html>\n")


def body(report: PeriodReport) -> Markup:
    """The report itself, for a page of one's own."""
    return Markup("\n").join(
        [
            _heading(report),
            _alone(report["alone"]),
            _people(report["people"]),
            _section("What people answered", _ANSWERS, map(_answer_row, report["answers"])),
            _section("What failed, was cancelled, or nobody knows", _TROUBLES, map(_trouble_row, report["troubles"])),
            _section("What was found out later", _RESOLVED, map(_resolved_row, report["resolved"])),
            _section("What people judged afterwards", _JUDGED, map(_judged_row, report["judged"])),
            _section("Bounds, stops, keys, subscriptions", _CHANGES, map(_change_row, report["changes"])),
            _proof(report),
        ]
    )


def _heading(report: PeriodReport) -> Markup:
    said = Markup(
        "<h1>What {} did</h1><p>From <b>{}</b> to <b>{}</b> <span class='quiet'>(days of {}; made {})</span></p>"
    )
    times = _when(report["from"]), _when(report["to"])
    return said.format(sentence(report["tenant_id"]), *times, report["timezone"], _when(report["made_at"]))


def _alone(alone: ReportedAlone) -> Markup:
    rows = [
        [
            of_type["action_type"],
            of_type["count"],
            ", ".join(f"{count} {status.lower()}" for status, count in of_type["statuses"].items()),
            "; ".join(f"{each['name']} {in_money({**each, 'problem': None})}" for each in of_type["sums"]) or "–",
            "; ".join(f"{why['explanation']} ({name(why['rule'])}) × {why['count']}" for why in of_type["why"]),
        ]
        for of_type in alone["by_type"]
    ]
    columns = ("action type", "ran alone", "ended", "sums of what was done", "why it was allowed")
    return _section(f"What ran alone: {alone['count']:,}", columns, rows)


def _people(people: ReportedPeople) -> Markup:
    rows = [
        [
            *(each["by"], each["approved"], each["rejected"], each["edited"], each["voted"], each["undone"]),
            *(span(each["median_s"]), span(each["slowest_s"])),
        ]
        for each in people["by_person"]
    ]
    title = f"Who answered how fast: {people['count']:,} answers, {people['expired']:,} expired unanswered or unbegun, "
    columns = ("person", "approved", "rejected", "edited", "voted", "undone", "median", "slowest")
    return _section(f"{title}{people['withdrawn']:,} taken back by agents", columns, rows)


_ANSWERS = ("when", "what", "account", "answer", "by", "after", "asked because", "why")
_TROUBLES = ("when", "what", "account", "became", "approved by", "error")
_RESOLVED = ("when", "what", "found out", "by", "note")
_JUDGED = ("when", "what", "account", "it was", "by", "why")
_CHANGES = ("when", "what", "parts")


def _answer_row(line: ReportedAnswer) -> list[Any]:
    who = f"{line['by']} ({line['through']})" if line["through"] else line["by"]
    because = reason_in_words(line["asked_because"])
    why = quoted(line["why"], 500) if line["why"] else ""
    answer = line["answer"].lower()
    return [_when(line["at"]), line["title"], line["account_id"], answer, who, span(line["after_s"]), because, why]


def _trouble_row(line: ReportedAction) -> list[Any]:
    by = "Autopilot" if line["alone"] else line["approved_by"]
    error = quoted(line["error"], 500) if line["error"] else ""
    return [_when(line["at"]), line["title"], line["account_id"], line["status"].lower(), by, error]


def _resolved_row(line: ReportedResolution) -> list[Any]:
    note = quoted(line["note"], 500) if line["note"] else ""
    return [_when(line["at"]), line["title"], line["status"].lower(), line["by"], note]


def _judged(line: ReportedJudgement) -> str:
    return "RIGHT" if line["right"] else "WRONG"


def _judged_row(line: ReportedJudgement) -> list[Any]:
    stopped = ", and stopped its type" if line["stopped"] else ""
    why = quoted(line["reason"], 500) if line["reason"] else ""
    said = f"{_judged(line).lower()}{stopped}"
    return [_when(line["at"]), line["title"], line["account_id"], said, line["by"], why]


def _change_row(line: ReportedChange) -> list[Any]:
    return [_when(line["at"]), line["text"] or line["event_type"], ", ".join(line["paths"])]


def _proof(report: PeriodReport) -> Markup:
    verified, seal = report["verified"], report["last_seal"]
    parts = [Markup("<h2>What proves it</h2>")]
    if verified is None:
        parts.append(Markup("<p>The ledger was not verified for this report.</p>"))
    else:
        word = "Every invariant holds" if verified["ok"] else "Something does not hold"
        said = Markup("<p{}><b>{}</b> over the whole ledger: {:,} entries about {:,} intents.</p>")
        mark = Markup("") if verified["ok"] else Markup(" class='bad'")
        parts.append(said.format(mark, word, verified["entries"], verified["intents"]))
        parts += [Markup("<p class='bad'>{}</p>").format(_finding(each)) for each in verified["findings"][:20]]
    if seal is None:
        parts.append(
            Markup("<p>No export was sealed yet: make one with <code>remit export</code> and keep it elsewhere.</p>")
        )
    else:
        said = Markup("<p>The last export was sealed {} by {}. It ends with the hash <code>{}</code>.</p>")
        parts.append(said.format(_when(seal["at"]), sentence(seal["by"]), seal["hash"]))
    return Markup("").join(parts)


def _finding(finding: FindingAnswer) -> str:
    return sentence(f"{finding['where']}: {finding['problem']}")


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    lines = [Markup("<tr>{}</tr>").format(Markup("").join(map(_td, row))) for row in rows]
    heading = Markup("<h2>{}</h2>").format(title)
    if not lines:
        return heading + Markup("<p class='quiet'>Nothing.</p>")
    names = Markup("").join(Markup('<th scope="col">{}</th>').format(column) for column in columns)
    table = Markup('<div class="wide" tabindex="0"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    return heading + table.format(names, Markup("").join(lines))


def _td(value: Any) -> Markup:
    text = sentence(value) if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else value
    return Markup("<td>{}</td>").format(text)


def _when(at: str) -> str:
    """To the second, in UTC."""
    return f"{at[:19].replace('T', ' ')} UTC"


def span(seconds: float | None) -> str:
    """The time that something took, in the largest unit that tells it."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
