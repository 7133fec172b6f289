"""Selections taken away as files."""
