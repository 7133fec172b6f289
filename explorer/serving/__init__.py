"""What the browser asks for over HTTP and WebSocket: assets, torch's terms, the server's engine."""
