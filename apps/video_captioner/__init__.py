"""Writes sentences about video clips, learned from a folder of clips with captions."""
