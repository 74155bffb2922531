"""What a model is worth on faces and poses never trained on."""
