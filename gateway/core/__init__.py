"""What is decided? Pure decisions and the values they are made on: no I/O, clock, randomness or framework."""
