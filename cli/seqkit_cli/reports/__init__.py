"""What the command line prints: one module for each kind of result."""

__all__: list[str] = []
