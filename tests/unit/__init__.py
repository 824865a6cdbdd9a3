"""Tests of single modules: no process of ours, no mock, no sleep."""
