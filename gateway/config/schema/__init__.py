"""What may be written: shape, bounds and defaults?"""
