"""What runs tasks: local processes now; containers and simulated tasks have the same shape."""
