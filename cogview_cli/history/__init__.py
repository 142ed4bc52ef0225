"""What was asked before: found by words and dates, listed, added up."""
