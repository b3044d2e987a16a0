"""The daemon seen from outside: status page, health, metrics. It reads what the engine publishes,
decides nothing and changes nothing.
"""
