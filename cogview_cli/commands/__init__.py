"""One module a command: options to records, then one call."""
