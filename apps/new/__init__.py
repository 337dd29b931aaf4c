"""Create a standalone project from an app."""
