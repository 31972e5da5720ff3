"""What every app stands on: errors, ids, time, the job queue port. Knows no app."""
