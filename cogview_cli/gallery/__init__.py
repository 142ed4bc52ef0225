"""A folder of results as one HTML page, or as contact sheets."""
