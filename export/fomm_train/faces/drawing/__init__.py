"""How the parts of a head are drawn."""
