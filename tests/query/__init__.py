"""Tests of GraphQL and MQE."""
