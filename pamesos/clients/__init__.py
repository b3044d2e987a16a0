"""The edge: one module for each thing outside that pamesos talks to."""
