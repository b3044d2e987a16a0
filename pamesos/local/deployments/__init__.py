"""From one tree of groups to the next: the plan (pure) and what carries it out."""
