"""What people type, checked for form; whether it is allowed is decided by the services."""
