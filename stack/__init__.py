"""The embedded services of a laptop and of CI, started and supervised in one folder of the user's own."""
