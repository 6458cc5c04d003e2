"""Ways in which an action reaches the world. One adapter per protocol; none retries, none knows a rule."""
