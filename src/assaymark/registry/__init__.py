"""The registry: models, their versions and channels, and who may do what. Pure rules, and SQL on a connection given."""
