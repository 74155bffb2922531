"""Pictures and videos from files."""
