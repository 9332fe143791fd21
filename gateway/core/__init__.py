"""Pure decisions and the values they are made on: no I/O, no clock, no randomness, no framework."""
