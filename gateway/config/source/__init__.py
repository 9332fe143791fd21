"""What was written, and where: files, includes and variables, read into nodes that know their places."""
