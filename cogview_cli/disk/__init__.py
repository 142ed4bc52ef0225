"""Files: whole or not at all, names, destinations, locks that die with their owner."""
