"""
Notifiers, by which people outside are told: one adapter a channel, siblings.

Not here: who is told what, in which words, and when it is tried again.
"""

SLACK_API_URL = "https://slack.com/api"
"""Where Slack's Web API is, unless the operator says otherwise."""
