"""Addresses of our own routes, as the server and as a page sees them."""

from __future__ import annotations

PREFIX = "/explorer"
# For pages: relative to the page's own address, whatever path a proxy puts before it.
BELOW = PREFIX[1:]
