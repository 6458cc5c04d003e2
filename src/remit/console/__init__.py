"""
What the web console looks like: its templates, styles and script. It holds no route and decides nothing;
`remit.entrypoints.console` serves it.
"""
