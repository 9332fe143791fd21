"""What was reserved, booked, adjusted and summed."""
