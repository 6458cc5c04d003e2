"""Options of `remit subscription add`: the channel, what is told, and when."""

from __future__ import annotations

from typing import Annotated

import typer

Webhook = Annotated[
    str | None, typer.Option("--webhook", metavar="URL", help="Where a webhook is.", show_default=False)
]
SigningSecret = Annotated[
    str | None,
    typer.Option("--signing-secret", metavar="REF", help="'${NAME}' of what signs it.", show_default=False),
]
Slack = Annotated[
    str | None, typer.Option("--slack", metavar="REF", help="'${NAME}' of where Slack listens.", show_default=False)
]
SlackChannel = Annotated[
    str | None,
    typer.Option("--slack-channel", metavar="ID", help="Where a Slack app posts cards.", show_default=False),
]
BotToken = Annotated[
    str | None, typer.Option("--bot-token", metavar="REF", help="'${NAME}' of its token.", show_default=False)
]
People = Annotated[
    list[str],
    typer.Option("--person", metavar="NAME=TEAM/USER[:ROLE,…]", help="Who answers in Slack. Repeat for more."),
]
Mail = Annotated[
    list[str],
    typer.Option("--mail", metavar="NAME=ADDRESS[:ROLE,…]", help="Who gets mail. Repeat for more."),
]
Push = Annotated[bool, typer.Option("--push", help="Whoever turned it on in their browser.")]
AnswerLinks = Annotated[
    bool, typer.Option("--answer-links", help="In mails, a link an action, which answers that and nothing else.")
]
Notices = Annotated[
    list[str],
    typer.Option("--notice", metavar="KIND", help="Just these. Repeat for more; all but INTENT_ENDED if left out."),
]
Accounts = Annotated[list[str], typer.Option("--account", metavar="A", help="Just of these accounts. Repeat for more.")]
ActionTypes = Annotated[
    list[str], typer.Option("--type", metavar="TYPE", help="Just about actions of these. Repeat for more.")
]
Reasons = Annotated[
    list[str], typer.Option("--reason", metavar="CODE", help="Just what is asked for these. Repeat for more.")
]
Amounts = Annotated[
    list[str],
    typer.Option("--above", metavar="AMOUNT", help="Just above this, such as '200 EUR'. Any of several is enough."),
]
Fields = Annotated[
    list[str],
    typer.Option("--field", metavar="PATH", help="Show this of the action, such as parameters.amount. Repeat."),
]
QuietHours = Annotated[
    str | None,
    typer.Option("--quiet", metavar="HOURS", help="Not then: '22:00-07:00 Europe/Berlin'.", show_default=False),
]
Escalation = Annotated[
    str | None,
    typer.Option("--escalate", metavar="MIN:NAME", help="Unanswered so long, tell that one.", show_default=False),
]
Disabled = Annotated[bool, typer.Option("--disabled", help="Keep it, and tell it nothing.")]
