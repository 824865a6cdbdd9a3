"""Tests with real execnet gateways, but without a pytest run in them."""
