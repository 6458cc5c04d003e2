"""The doors: they translate between a protocol and `remit.app`, and decide nothing."""
