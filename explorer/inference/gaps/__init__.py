"""The best Gaussians of an image, and the gaps to log p(x)."""
