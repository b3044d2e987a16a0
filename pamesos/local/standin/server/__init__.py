"""The server: REST API, Resource Manager and Scheduler, with its state in the database."""
