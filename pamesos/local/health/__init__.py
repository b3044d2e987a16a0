"""Health and readiness checks: what they mean (state, pure), how to ask, when to ask."""
