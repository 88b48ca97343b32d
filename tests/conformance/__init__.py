"""What the wire promises, asked of a running backend in raw gRPC and raw HTTP."""
