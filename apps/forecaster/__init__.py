"""Recurrent networks that forecast series with prediction intervals, next to simple methods that are hard to beat."""
