"""Benchmarks: start-up, batches, growth. One command: `python -m tests.bench`."""
