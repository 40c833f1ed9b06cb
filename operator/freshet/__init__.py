"""freshet keeps data assets fresh on Kubernetes."""

__version__ = "0.1.0"

__all__ = ["__version__"]
