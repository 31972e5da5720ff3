"""What runs inside the Spark process, and what prepares it. Nothing here imports Django."""
