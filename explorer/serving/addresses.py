"""Where our own routes lie, as the server and as a page sees it."""

from __future__ import annotations

PREFIX = "/explorer"
# For pages: relative to the page's own address, whatever path a proxy puts before it.
BELOW = PREFIX[1:]
