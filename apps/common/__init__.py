"""Helpers that the apps share, one subject each. They know no app and hold no weights."""
