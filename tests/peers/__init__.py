"""Programs that others wrote, against the sandbox: each in an environment of its own."""
