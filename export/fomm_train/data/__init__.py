"""The drawn frames that training reads."""
