"""Use cases: submit, follow, watch. They talk through clients, never HTTP of their own."""
