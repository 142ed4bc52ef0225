"""The fault catalogue as a suite: what can go wrong, and what must then be true."""
