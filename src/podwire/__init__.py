"""podwire: Kubernetes network monitoring from the kernel to the picture."""

__version__ = "0.1.0"
