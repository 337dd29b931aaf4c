"""Recurrent networks that forecast series, with how sure they are, beside the simple methods that are hard to beat."""
