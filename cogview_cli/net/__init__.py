"""Connections: HTTP/1.1, proxies, TLS, and the addresses that may be called."""
