"""A public example: real data through every layer, governed. It uses the HTTP API and commands only."""
