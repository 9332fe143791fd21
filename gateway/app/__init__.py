"""What is a running gateway made of? The composition root: the only package that names concrete adapters."""
