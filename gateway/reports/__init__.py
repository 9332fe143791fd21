"""What is the answer to a question? Stores and a snapshot in, values out: one answer, whoever shows it."""
