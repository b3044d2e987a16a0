"""Pure decisions on values: standard library only, no clock, no IO."""
