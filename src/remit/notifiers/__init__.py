"""
Notifiers, by which people outside are told: one adapter a channel, siblings.

Not here: who is told what, in which words, and when it is tried again.
"""
