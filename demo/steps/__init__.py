"""The demo's steps, in order; each is one file that reads as an example of one part of the product."""
