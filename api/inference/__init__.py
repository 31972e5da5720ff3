"""The Open Inference Protocol v2 over HTTP, with the binary tensor data extension."""
