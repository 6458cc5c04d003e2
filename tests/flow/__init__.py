"""Every step of the flow, on every store: what it promises, where it races, where it crashes."""
