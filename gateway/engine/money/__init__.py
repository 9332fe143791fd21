"""What is reserved, booked, adjusted and summed?"""
