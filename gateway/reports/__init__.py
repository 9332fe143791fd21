"""The floor of questions: stores and a snapshot in, frozen values out, and of each answer one document for programs."""
