"""One prompt to pictures on disk: what `cogview gen` does after its options are read."""
