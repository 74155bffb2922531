"""How each part of a drawn head is painted."""
