"""What is known against libraries: OSV records, whom they mean, how bad it is. Pure; storage.advisories keeps them."""
