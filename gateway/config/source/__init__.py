"""What was written, and where: files, includes and variables, as nodes that know their places?"""
