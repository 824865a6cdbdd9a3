"""Tests of the shape of the code: who imports whom, and a few habits."""
