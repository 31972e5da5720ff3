"""Erasing a person: what holds their data, its removal from tables and collections, and the certificate."""
