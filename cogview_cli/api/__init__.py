"""The vendor's API: models, sizes, what goes over the wire, error codes, the client."""
