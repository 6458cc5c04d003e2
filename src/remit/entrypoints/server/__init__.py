"""Long-running processes: the server, the worker, and what runs beside them."""
