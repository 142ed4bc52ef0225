"""Many prompts: the plan of a run, what of it is done already, and its report."""
