"""What the bytes of picture formats say about their pixels, read without decoding them."""
