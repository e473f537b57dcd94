"""Paddle: `program` parses .pdmodel, `pir` the newer JSON programs, `params` the parameters beside them."""
