"""Everything people see: output, progress, previews, and text made safe to show."""
