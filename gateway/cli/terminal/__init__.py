"""What commands have in common: options, tables, errors, the admin plane."""
