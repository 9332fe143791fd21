"""What changes from one configuration to the next: found, told, put into force, remembered, taken back?"""
