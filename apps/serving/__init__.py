"""What stands behind `apps/serve.py`."""
