"""The vendor's API: models, sizes, the wire format, error codes, the client."""
