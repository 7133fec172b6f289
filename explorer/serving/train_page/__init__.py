"""Answers for the page that watches a run."""
