"""Everything after the answer is paid: download, check, convert, save, sidecar."""
