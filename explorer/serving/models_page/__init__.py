"""Answers for the page of the models."""
