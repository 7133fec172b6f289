"""Columns that a person brought, and those that are taken away."""
