"""Detection, alignment, embedding, quality and tracks: arrays in, arrays out."""
