"""What do commands have in common: options, tables, errors, the way to the admin plane?"""
