"""Maps fitted in the background: their table and worker."""
