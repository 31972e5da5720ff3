"""Pages, one noun a file: parse, authorise, one call, render."""
