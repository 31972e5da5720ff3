"""All JSON: our own API in `v1/`, and one package a protocol."""
