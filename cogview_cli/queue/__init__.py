"""The vendor's batch queue: half the price, answers that can be asked for again."""
