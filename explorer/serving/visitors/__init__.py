"""Visitors told apart without signing in."""
