"""Was this request asked before: claims, and answers that are kept and given again."""
