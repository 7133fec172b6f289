"""One picture made a small square of pixels."""
