"""What is kept of a failed request for a support ticket, and who may see what of it?"""
