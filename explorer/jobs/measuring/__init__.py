"""Models measured in the background: their queue and worker."""
