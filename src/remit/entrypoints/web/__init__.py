"""Parts that the HTTP door and the console share: callers, bodies, problems, limits, access tokens, streams."""
