"""Estimates of log p(x) by draws, and the choice between estimators."""
