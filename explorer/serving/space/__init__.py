"""A model opened for exploring, and torch’s numbers for a state of its map."""
