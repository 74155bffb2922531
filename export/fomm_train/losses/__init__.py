"""Losses, and the discriminator that some of them need."""
