"""From text to values: descriptions, settings, secrets."""
