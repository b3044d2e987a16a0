"""Instances and their tasks: what they are, which there are, and what becomes of them."""
