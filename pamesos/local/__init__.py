"""The embedded Marathon: a sibling of the layers; shares no code with what is tested against it."""
