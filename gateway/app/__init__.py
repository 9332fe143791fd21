"""Composition root, the only package that names concrete adapters: what a running gateway is made of, and what commands read."""
