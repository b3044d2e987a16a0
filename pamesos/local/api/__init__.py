"""The HTTP side of the embedded Marathon: routes that read requests and write answers."""
