"""Training runs in the background: their table, and the worker that carries them out."""
