"""Readings, which change nothing: status, why, timeline, usage, exports, measurements."""
