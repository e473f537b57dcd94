"""Values of tensors: what they declare, what they hide, and statistics of their bits. The only room that uses numpy."""
