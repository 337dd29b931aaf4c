"""Classify long documents by sentiment, or into any classes, beginning from a language model if there is one."""
