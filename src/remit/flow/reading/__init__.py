"""What is read and never changed: status, why, timeline, usage, exports, measurements."""
