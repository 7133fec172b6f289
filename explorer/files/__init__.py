"""Bytes from outside and onto disk: archives, names, tables, text."""
