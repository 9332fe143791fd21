"""Is this request the same as an earlier one: then it joins that one, or gets its answer again."""
