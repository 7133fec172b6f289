"""Answers for the page of the latents."""
