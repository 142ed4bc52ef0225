"""One POST for each wanted picture: slots, budget, retries, and the run around them."""
