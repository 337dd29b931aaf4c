"""Modules of the server, `apps/serve.py`."""
