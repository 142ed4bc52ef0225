"""What typer lacks: commands loaded on demand, help pages, completion, plain usage errors."""
