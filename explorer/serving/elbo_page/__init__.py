"""Answers for the page of the ELBO."""
