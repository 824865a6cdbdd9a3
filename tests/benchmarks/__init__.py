"""What the plugin costs, beside other ways to share a fixture. See README.md."""
