"""What every route is made of: addresses, bodies, caches, fair turns."""
