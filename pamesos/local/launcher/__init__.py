"""From an instance that waits to a task on an agent: delays, offers, constraints, ports."""
