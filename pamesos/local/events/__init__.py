"""The event stream: what is said on it (render) and who hears it (bus)."""
