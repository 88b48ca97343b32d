"""Tests of the gRPC side of the backend."""
